"""Secrets that everybody knows, or may read, end the start of a service that asks others for theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InvalidConfiguration
from entrypoints.settings import Settings, load_settings

SOUND = "kept-9f2c-by-chance"
BUCKET = """
[objects]
type = "s3"
endpoint = "files.example"
bucket = "files"
access_key = "{user}"
secret_key = "{secret}"
"""
DATABASE = """
[backends.main]
type = "mysql"
dsn = "mysql://{user}:{secret}@db.example/persistence"
"""
ASKING = '[auth]\nmode = "keys"\n'


def load(folder: Path, text: str, mode: int = 0o600, environ: dict[str, str] | None = None) -> Settings:
    file = folder / "persistence.toml"
    file.write_text(text)
    file.chmod(mode)
    return load_settings(file, environ=environ or {})


@pytest.mark.parametrize("table", [BUCKET, DATABASE])
@pytest.mark.parametrize("secret", ["minioadmin", "changeme", "Password", "123456"])
def test_a_secret_that_everybody_knows_is_refused(tmp_path: Path, table: str, secret: str):
    with pytest.raises(
        InvalidConfiguration, match=r"(objects\.secret_key|backends\.main\.dsn): everybody knows"
    ) as found:
        load(tmp_path, ASKING + table.format(user="someone", secret=secret))
    assert secret not in found.value.detail
    assert load(tmp_path, table.format(user="someone", secret=secret)).auth.mode == "off"


def test_an_empty_secret_is_refused(tmp_path: Path):
    with pytest.raises(InvalidConfiguration, match=r"cache\.password: everybody knows"):
        load(tmp_path, ASKING + '[cache]\nurl = "redis://cache.example"\npassword = ""\n')


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666, 0o660])
def test_secrets_in_a_file_that_is_open_to_others_are_refused(tmp_path: Path, mode: int):
    text = ASKING + DATABASE.format(user="someone", secret=SOUND)
    with pytest.raises(InvalidConfiguration, match=r"backends\.main\.dsn: .* is open to others .*`chmod 600 ") as found:
        load(tmp_path, text, mode)
    assert SOUND not in found.value.detail
    assert load(tmp_path, text, 0o600).auth.mode == "keys"


def test_a_file_without_secrets_may_be_read_by_everybody(tmp_path: Path):
    text = ASKING + '[backends.main]\ntype = "mysql"\ndsn = "mysql://someone@db.example/persistence"\n'
    with pytest.raises(InvalidConfiguration, match="open to others"):
        load(tmp_path, text + f'password = "{SOUND}"\n', 0o644)
    dsn = {"PERSISTENCE__BACKENDS__MAIN__DSN": f"mysql://someone:{SOUND}@db.example/persistence"}
    assert load(tmp_path, ASKING + '[backends.main]\ntype = "mysql"\n', 0o644, dsn).auth.mode == "keys"


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_name_is_no_secret_whoever_knows_it(tmp_path: Path, mode: int):
    text = f'{ASKING}[search]\ntype = "opensearch"\nurl = "https://search.example:9200"\nuser = "admin"\n'
    settings = load(tmp_path, text, mode, {"PERSISTENCE__SEARCH__PASSWORD": SOUND})
    assert settings.search.user is not None


def test_keys_of_encrypted_fields_are_for_nobody_else_whoever_is_let_in(tmp_path: Path):
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    text = f'[keyring]\nactive = "k1"\nindex_key = "{key}"\nkeys = {{ k1 = "{key}" }}\n'
    with pytest.raises(InvalidConfiguration, match=r"keyring\.(keys\.k1|index_key): .* is open to others"):
        load(tmp_path, text, 0o644)
    assert load(tmp_path, text).auth.mode == "off"


def test_a_secret_that_everybody_knows_is_known_however_an_address_spells_it(tmp_path: Path):
    with pytest.raises(InvalidConfiguration, match=r"cache\.url: everybody knows"):
        load(tmp_path, ASKING + '[cache]\nurl = "redis://:chang%65me@cache.example"\n')

"""What keeps the service from starting is said in one sentence, with the exit code for a wrong configuration."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.api import Api
from tests.e2e.samples import real_records
from tests.e2e.service import Service, command, environment

pytestmark = pytest.mark.slow

EX_CONFIG = 78


def test_a_data_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    folder = tmp_path / "file" / "data"
    expect_refusal(
        tmp_path, ["--data-dir", str(folder), "--port", "0"], f"{folder} cannot be written: Not a directory."
    )


def test_a_data_folder_on_a_read_only_file_system_is_refused(tmp_path: Path) -> None:
    expect_refusal(tmp_path, ["--data-dir", "/proc/nowhere", "--port", "0"], "/proc/nowhere cannot be written")


async def test_a_data_folder_that_is_served_already_is_refused_and_its_service_goes_on(
    service: Service, tmp_path: Path
) -> None:
    await service.start()
    holder = f"{service.data_dir} is served by another process ({service.process.pid})."
    expect_refusal(tmp_path, ["--data-dir", str(service.data_dir), "--port", "0"], holder)
    await service.ready()


def test_a_port_in_use_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        expect_refusal(tmp_path, ["--port", port], f"Port {port} on 127.0.0.1 is taken by another process.")
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    expect_refusal(tmp_path, ["--port", "0"], f"{tmp_path / 'data'} is a file, not a folder.")


async def test_a_database_of_a_newer_release_is_refused(service: Service, tmp_path: Path) -> None:
    await service.start()
    await service.stop()
    with contextlib.closing(sqlite3.connect(service.data_dir / "persistence.db")) as database:
        row = "SELECT max(number) + 1, '9999_expand_more.sql', 'x', '' FROM schema_migrations"
        database.execute(f"INSERT INTO schema_migrations {row}")
        database.commit()
    said = "The database is newer than this release: it has 9999_expand_more.sql. Start the newer release."
    expect_refusal(tmp_path, ["--data-dir", str(service.data_dir), "--port", "0"], said)


async def test_a_journal_of_a_newer_release_is_refused(service: Service, api: Api, tmp_path: Path) -> None:
    await service.start()
    assert (await api.post_batch("sessions", real_records("sessions")[:1])).status == 202
    service.kill()
    segment = min((service.data_dir / "journal" / "translation_sessions").glob("*.segment"))
    with segment.open("r+b") as file:
        header = bytearray(file.read(512))
        header[8:10] = (2).to_bytes(2, "little")  # the format version
        header[508:] = zlib.crc32(header[:508]).to_bytes(4, "little")
        file.seek(0)
        file.write(header)
    said = f"{segment} has format version 2; this release reads 1. Start the release that wrote it."
    expect_refusal(tmp_path, ["--data-dir", str(service.data_dir), "--port", "0"], said)


@pytest.mark.parametrize("name", ["state.db", "persistence.db"])
def test_a_database_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(b"something else entirely" * 100)
    said = f"{tmp_path / 'data' / name} cannot be opened. SQLite: file is not a database. Restore it from a backup."
    expect_refusal(tmp_path, ["--port", "0"], said)


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("PERSISTENCE__=1", "PERSISTENCE__: this names no setting; one is called like PERSISTENCE__SERVER__PORT."),
        ("PERSISTENCE__SERVER__=1", "PERSISTENCE__SERVER__: this names no setting"),
        ("PERSISTENCE____PORT=1", "PERSISTENCE____PORT: this names no setting"),
        ("PERSISTENCE__SERVER=1", "server: expected `object`, got `str` (in PERSISTENCE__SERVER)."),
        ("PERSISTENCE__SERVER__PORT__X=1", "(in PERSISTENCE__SERVER__PORT__X)."),
        ("PERSISTENCE__JOURNAL__SEGMENT_BYTES=x", "(in PERSISTENCE__JOURNAL__SEGMENT_BYTES)."),
        ("PERSISTENCE__BUFFER__MAX_BYTES=1", "(in PERSISTENCE__BUFFER__MAX_BYTES)."),
        ("PERSISTENCE__DATA_DIR=", "data_dir: '' is not the name of a folder."),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, sentence: str) -> None:
    name, _, value = variable.partition("=")
    expect_refusal(tmp_path, [], sentence, {name: value})


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[server]\nprot = 1", "server.prot"),
        ("[server]\nport = 70000", "server.port"),
        ("[server", "persistence.toml"),
        ('[backends.main]\ntype = "oracle"', "backends.main.type"),
        ('[collections.nothing]\nbackend = "main"', "collections.nothing"),
        ('[server]\nhost = "0.0.0.0"', "server.host"),
        ('[server]\nhost = "a..b"\ninsecure = true', "server.host: 'a..b' is not the name of a host."),
        ('[server]\nhost = "192.0.2.1"\ninsecure = true', "192.0.2.1:8080: Cannot assign requested address."),
        ("server = 1", "server: expected `object`, got `int` (in persistence.toml)."),
        ("backends = 1", "backends: expected `object`, got `int` (in persistence.toml)."),
        ('data_dir = ""', "data_dir: '' is not the name of a folder."),
        ('data_dir = "a\\u0000b"', "data_dir: 'a\\x00b' is not the name of a folder."),
        ("\x80", "persistence.toml cannot be read: it is not UTF-8 text."),
    ],
)
def test_a_wrong_configuration_is_refused_by_the_name_of_its_key(tmp_path: Path, toml: str, named: str) -> None:
    (tmp_path / "persistence.toml").write_text(toml, encoding="latin-1")
    expect_refusal(tmp_path, [], named)


def expect_refusal(
    folder: Path, arguments: list[str], sentence: str, variables: Mapping[str, str] | None = None
) -> None:
    """``persistence serve`` ends with 78 and one line that says why."""
    ended = subprocess.run(
        command("serve", *arguments), cwd=folder, env=environment(variables), capture_output=True, text=True, timeout=60
    )
    lines = ended.stderr.strip().splitlines()
    assert ended.returncode == EX_CONFIG, ended.stderr
    assert len(lines) == 1, ended.stderr
    assert sentence in lines[0]
    assert ended.stdout == ""

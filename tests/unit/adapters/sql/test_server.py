"""The keys of database servers: what they say, and that no message repeats a password."""

from __future__ import annotations

import ssl

import msgspec
import pytest

from adapters.sql.server import ServerSettings, caution, server, tls_context
from domain.errors import InvalidConfiguration
from domain.model.secret import Secret
from entrypoints.decoding import Sources, decode

SECRET = "hunter2"


def settings(dsn: str = "db://me@host/base", **keys) -> ServerSettings:
    return ServerSettings(dsn=Secret(dsn), **keys)


def parsed(dsn: str, **keys):
    return server(settings(dsn, **keys), "backends.main", ("db", "database"), 1234)


def test_a_dsn_names_the_place_and_the_user():
    found = parsed("db://me@host.example:99/base")

    assert (found.host, found.port, found.database, found.user) == ("host.example", 99, "base", "me")
    assert found.place == "host.example:99/base"
    assert found.secret() == ""


def test_a_dsn_without_a_port_has_the_usual_one_and_other_schemes_may_be_allowed():
    assert parsed("database://me@[::1]/base").place == "[::1]:1234/base"


def test_names_and_passwords_may_be_percent_encoded():
    found = parsed("db://m%40e:a%2Fb%3F@host/b%20ase")

    assert (found.user, found.secret(), found.database) == ("m@e", "a/b?", "b ase")


def test_the_password_may_stand_beside_the_dsn_or_in_a_file_that_is_read_each_time(tmp_path):
    assert parsed("db://me@host/base", password=Secret(SECRET)).secret() == SECRET
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    found = parsed("db://me@host/base", password_file=str(file))
    assert found.secret() == SECRET
    file.write_text("new ")
    assert found.secret() == "new "


def test_a_password_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InvalidConfiguration, match=r"nowhere cannot be read: No such file"):
        parsed("db://me@host/base", password_file=str(tmp_path / "nowhere")).secret()
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(InvalidConfiguration, match=r"binary cannot be read: it is not UTF-8"):
        parsed("db://me@host/base", password_file=str(tmp_path / "binary")).secret()


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        (f"me:{SECRET}@host/base", "does not begin with db://"),
        (f"mysql://me:{SECRET}@host/base", "does not begin with db://"),
        (f"db://:{SECRET}@host/base", "the user is missing"),
        (f"db://me:{SECRET}@/base", "the host is missing"),
        (f"db://me:{SECRET}@host", "the database is missing"),
        (f"db://me:{SECRET}@host/", "the database is missing"),
        (f"db://me:{SECRET}/x@host/base", "the port, or what stands for it"),
        (f"db://me:1{SECRET[-1]}/{SECRET}@host/base", "the user is missing"),
        (f"db://me:{SECRET}@host:99999/base", "no number up to 65535"),
        (f"db://me:{SECRET}@host:port/base", "no number up to 65535"),
        (f"db://me:{SECRET}@[host/base", "no number up to 65535"),
        (f"db://me:{SECRET}@host/base?sslmode=off", "options are keys of"),
        (f"db://me@host/base/{SECRET}", "%2F"),
        ("", "does not begin with db://"),
    ],
)
def test_a_wrong_dsn_is_refused_without_being_repeated(dsn, said):
    with pytest.raises(InvalidConfiguration) as refusal:
        parsed(dsn)

    assert refusal.value.detail.startswith("backends.main.dsn: expected db://user@host:1234/database; ")
    assert said in refusal.value.detail
    assert SECRET not in refusal.value.detail
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("dsn", "keys"),
    [
        (f"db://me:{SECRET}@host/base", {"password": Secret("other")}),
        (f"db://me:{SECRET}@host/base", {"password_file": "file"}),
        ("db://me@host/base", {"password": Secret(SECRET), "password_file": "file"}),
    ],
)
def test_passwords_in_several_places_are_refused(dsn, keys):
    with pytest.raises(InvalidConfiguration, match="keep one") as refusal:
        parsed(dsn, **keys)
    assert SECRET not in refusal.value.detail


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"pool_min": 9, "pool_max": 8}, "pool_min must not be above pool_max"),
        ({"tls_ca": "file"}, 'tls_ca needs tls = "required"'),
        ({"tls": "maybe"}, "off, required"),
        ({"query_seconds": 0}, "query_seconds"),
    ],
)
def test_keys_that_contradict_each_other_are_refused_with_their_place(keys, said):
    table = {"dsn": f"db://me:{SECRET}@host/base", **keys}

    with pytest.raises(InvalidConfiguration) as refusal:
        decode(table, ServerSettings, Sources("file", {}), under=("backends", "main"))
    assert said in refusal.value.detail
    assert "backends.main" in refusal.value.detail
    assert SECRET not in refusal.value.detail


def test_secrets_are_masked_when_settings_are_shown():
    keys = settings(f"db://me:{SECRET}@host/base", password=Secret(SECRET))

    assert SECRET not in repr(keys)
    assert SECRET not in str(msgspec.to_builtins(keys, enc_hook=repr))
    assert SECRET not in repr(parsed(f"db://me:{SECRET}@host/base"))


def test_tls_verifies_the_host_and_names_a_file_that_it_cannot_use(tmp_path):
    assert tls_context(settings(), "backends.main") is None
    context = tls_context(settings(tls="required"), "backends.main")
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED

    (tmp_path / "empty").write_text("")
    for name, said in (("nowhere", "No such file"), ("empty", "holds no certificates")):
        with pytest.raises(InvalidConfiguration, match=rf"backends\.main\.tls_ca: .*{name} cannot be used: .*{said}"):
            tls_context(settings(tls="required", tls_ca=str(tmp_path / name)), "backends.main")


@pytest.mark.parametrize(
    ("dsn", "tls", "warned"),
    [
        ("db://me@host/base", "off", True),
        ("db://me@host/base", "required", False),
        ("db://me@[::1]/base", "off", False),
    ],
)
def test_a_way_that_others_can_listen_on_is_warned_of(dsn, tls, warned):
    keys = settings(dsn, tls=tls)

    assert bool(caution(keys, parsed(dsn))) is warned

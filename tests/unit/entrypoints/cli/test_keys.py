"""Keys on the command line: made where no service runs, and shown to one that does."""

import io
import json
import re
import sqlite3
import sys
from datetime import UTC, datetime

import pytest

from domain.model.api_keys import key_text
from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit
from entrypoints.cli.keys import where
from entrypoints.settings import KEY_VARIABLE, environment_of_workers, load_settings

STATS = "/api/v1/system/stats"
KEY = "ps_" + "a" * 16 + "." + "x" * 43


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def made(capsys, *arguments):
    assert run(["keys", "create", "ci", *arguments]) == Exit.OK
    return key_text(capsys.readouterr().out.strip())


def listed(capsys):
    assert run(["keys", "list", "--json"]) == Exit.OK
    return {each["key_id"]: each for each in json.loads(capsys.readouterr().out)}


class Terminal(io.StringIO):
    """What a person sees of stdout."""

    def isatty(self):
        return True


def shown(columns, monkeypatch):
    """The words in each column of the list on a terminal of so many columns, by column and then by key."""
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        assert run(["keys", "list"]) == Exit.OK
    head, *lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert max(map(len, lines)) <= columns
    names = re.findall(r"\w+(?: \w+)?", head)
    begins = [head.index(name) for name in names]
    rows = []
    for line in lines:
        cells = [line[begin:end].strip() for begin, end in zip(begins, [*begins[1:], None], strict=True)]
        if cells[0]:
            rows.append(cells)
        else:  # goes on with what is above it
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
    return {cells[1]: dict(zip(names, cells, strict=True)) for cells in rows}


def test_a_narrow_terminal_gets_names_states_and_scopes_whole(capsys, monkeypatch, tmp_path):
    several = ["pii", "read", "write", "write:translation_sessions"]
    for name, *scopes in (["one", "admin"], ["two", "admin:users"], ["nightly import of tasks", *several]):
        options = [word for scope in scopes for word in ("--scope", scope)]
        assert run(["keys", "create", name, *options, "--expires-in", "30"]) == Exit.OK
    used = datetime(2026, 11, 30, 10, 23, 49, tzinfo=UTC)
    with sqlite3.connect(tmp_path / "data" / "persistence.db") as database:
        database.execute("UPDATE api_keys SET used_at = ?", (int(used.timestamp()) * 1_000_000,))
    for columns in (80, 100, 200):
        rows = shown(columns, monkeypatch)
        assert {name: row["scopes"] for name, row in rows.items()} == {
            "one": "admin",
            "two": "admin:users",
            "nightly import of tasks": " ".join(several),
        }
        assert {row["state"] for row in rows.values()} == {"active"}
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row["expires"]) for row in rows.values())
        assert {row.get("last used") for row in rows.values()} == {None if columns == 80 else "2026-11-30 10:23"}


def test_a_first_key_is_made_where_nothing_was_before(capsys, tmp_path):
    key = made(capsys, "--scope", "read", "--scope", "write:users", "--expires-in", "1")
    (shown,) = listed(capsys).values()
    assert (shown["key_id"], shown["scopes"], shown["state"]) == (key.key_id, ["read", "write:users"], "active")
    stored = sqlite3.connect(tmp_path / "data" / "persistence.db").execute("SELECT * FROM api_keys").fetchall()
    assert key.secret not in str(stored)
    assert key.digest in str(stored)


def test_only_the_key_goes_to_stdout(capsys):
    assert run(["keys", "create", "ci"]) == Exit.OK
    out, err = capsys.readouterr()
    assert key_text(out.rstrip("\n")) is not None
    assert 'auth.mode is "off"' in err
    assert out.strip() not in err


def test_commands_say_where_the_keys_are_that_they_change(capsys, tmp_path):
    def said(*arguments):
        run(["keys", *arguments])
        return capsys.readouterr()

    here = f"main ({tmp_path / 'data' / 'persistence.db'})"
    assert f"There are no keys in {here}." in said("list")[1]
    out, err = said("create", "ci", "--scope", "read", "--scope", "write:users")
    assert f"for ci: read, write:users, in {here}. Keep it now" in err
    key_id = key_text(out.strip()).key_id
    assert f", in {here}. Keep it now" in said("rotate", key_id)[1]
    assert f"There is no key 'none'. Here they are kept in {here}." in said("revoke", "none")[1]
    assert f"Revoked {key_id}, in {here};" in said("revoke", key_id)[1]
    (tmp_path / "persistence.toml").write_text('[backends.far]\ntype = "mysql"\ndsn = "mysql://u:secret@127.0.0.1/d"\n')
    assert where(load_settings()) == "far"


def test_a_key_is_rotated_and_revoked(capsys):
    key = made(capsys, "--scope", "read")
    assert run(["keys", "rotate", key.key_id, "--overlap", "60"]) == Exit.OK
    rotated = key_text(capsys.readouterr().out.strip())
    assert rotated.key_id == key.key_id
    assert rotated.secret != key.secret
    assert listed(capsys)[key.key_id]["former_until"] is not None
    assert run(["keys", "revoke", key.key_id]) == Exit.OK
    capsys.readouterr()
    assert run(["keys", "list"]) == Exit.OK
    assert re.search(rf"{key.key_id} +ci +revoked +read", capsys.readouterr().out)


def test_a_rotation_says_until_when_the_secrets_before_it_are_taken(capsys):
    key = made(capsys)

    def said(*arguments):
        assert run(["keys", "rotate", key.key_id, *arguments]) == Exit.OK
        return " ".join(line for line in capsys.readouterr().err.splitlines() if not line.startswith("{"))

    plain = said()
    assert "The former secret ends at once. Every running instance takes the new one within five seconds." in plain
    until = r"until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.search(rf"The former secret is taken {until}\. Every", said("--overlap", "3600"))
    both = said("--overlap", "60")
    assert re.search(rf"is taken {until}\. The one before it ends at once; it would have been taken {until}\.", both)
    assert "The former secret ends at once. The one before it ends at once;" in said()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["create", "ci", "--scope", "all"], Exit.USAGE, "is no scope"),
        (["create", "ci", "--scope", "read:tasks"], Exit.USAGE, "translation_tasks, files, users, logs).\n"),
        (["create", "ci", "--expires-in", "0"], Exit.USAGE, "--expires-in"),
        (["revoke", "none"], Exit.INCOMPLETE, "There is no key 'none'"),
        (["rotate", "none"], Exit.INCOMPLETE, "There is no key 'none'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_said(arguments, code, said, capsys):
    assert run(["keys", *arguments]) == code
    assert said in capsys.readouterr().err


def test_what_is_done_to_keys_leaves_the_line_that_a_service_leaves(capsys, monkeypatch):
    monkeypatch.setenv("PERSISTENCE__LOG__LEVEL", "error")
    for arguments in (["create", "ci", "--scope", "read"], ["rotate", "none"], ["revoke", "none"], ["list"]):
        run(["keys", *arguments])
    out, err = capsys.readouterr()
    secret = key_text(out.splitlines()[0])
    told = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert {line["message"] for line in told} == {"administrator_acted"}
    assert [(line["meta"]["action"], line["meta"]["subject"], line["meta"]["error"]) for line in told] == [
        ("keys.create", f"{secret.key_id} read", None),
        ("keys.rotate", "none", "key_not_found"),
        ("keys.revoke", "none", "key_not_found"),
    ]
    assert all(line["meta"]["actor"].endswith(", by command") for line in told)
    assert secret.secret not in err


def test_keys_in_memory_are_the_services_own(capsys, tmp_path):
    (tmp_path / "persistence.toml").write_text('[backends.main]\ntype = "memory"\n')
    assert run(["keys", "create", "ci"]) == Exit.INCOMPLETE
    assert "POST /api/v1/system/keys, or name another `auth.backend`." in capsys.readouterr().err


@pytest.mark.parametrize("way", ["file", "variable"])
def test_a_command_shows_the_key_of_its_caller(way, script, tmp_path, monkeypatch):
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv(KEY_VARIABLE, KEY if way == "variable" else "another")
    run(["stats", "--url", script.url, *(["--api-key-file", "key"] if way == "file" else [])])
    assert script.shown[0] == (KEY, None)


def test_another_token_goes_where_tokens_go(script, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "eyJhbGciOi")
    run(["stats", "--url", script.url])
    assert script.shown[0] == (None, "Bearer eyJhbGciOi")


def test_without_a_key_none_is_shown(script):
    run(["stats", "--url", script.url])
    assert script.shown[0] == (None, None)


@pytest.mark.parametrize("content", [b"", b"two words", b"a\nb", b"\xff", None], ids=repr)
def test_a_file_without_a_key_is_a_wrong_option(content, script, tmp_path, capsys):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    assert run(["stats", "--url", script.url, "--api-key-file", "key"]) == Exit.USAGE
    assert "--api-key-file" in capsys.readouterr().err
    assert script.shown == []


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_is_told_how_to_show_a_key(status, script, tmp_path, capsys):
    (tmp_path / "tasks").write_text('{"task_id": "a", "session_id": "b"}\n')
    for place in (("GET", STATS), ("GET", "/api/v1/translation/tasks"), ("POST", "/api/v1/translation/tasks/batch")):
        script.answers[place] = status, {"code": "unauthenticated", "detail": "No."}
    for command in (["stats"], ["export", "tasks"], ["import", "tasks"]):
        assert run([*command, "--url", script.url]) == Exit.INCOMPLETE
        assert "--api-key-file" in capsys.readouterr().err


def test_a_worker_process_gets_no_key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert KEY not in environment_of_workers().values()

"""What commands do to the service's data and keys leaves the line that a service leaves."""

import json
import os
import signal

import pytest

from adapters.keyring import key_file
from entrypoints.cli.app import run
from entrypoints.cli.audit import audited
from entrypoints.cli.failures import Exit

KEYRING, RELOAD, TASKS = "/api/v1/system/keyring", "/api/v1/system/reload", "/api/v1/translation/tasks"
TWO = '[backends.main]\ntype = "sqlite"\npath = "main.db"\n[backends.big]\ntype = "sqlite"\npath = "big.db"\n'


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERSISTENCE__LOG__LEVEL", "error")


def told(capsys, sentence=""):
    said = capsys.readouterr().err
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert sentence in said
    assert all(line["message"] == "administrator_acted" for line in lines)
    assert all(line["meta"]["actor"].endswith(", by command") for line in lines)
    return [tuple(line["meta"][name] for name in ("action", "subject", "error")) for line in lines]


def interrupting():
    """What a service answers to somebody who has just pressed Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)
    return 200, {}


def test_an_export_leaves_one_once_records_were_taken_out(script, capsys):
    script.answers["GET", TASKS] = 200, {"items": [{"task_id": "a"}]}
    assert run(["export", "tasks", "-o", "x", "--url", script.url]) == Exit.OK
    assert run(["export", "tasks", "-o", "/dev/full", "--url", script.url]) == Exit.INCOMPLETE
    assert run(["export", "tasks", "--patience", "0", "--url", "http://127.0.0.1:1"]) == Exit.UNREACHABLE
    assert told(capsys) == [("export", "tasks to x", None), ("export", "tasks to /dev/full", "failed")]


def test_a_migration_leaves_one_and_a_look_none(tmp_path, capsys):
    (tmp_path / "persistence.toml").write_text(TWO.replace("big.db", "."))
    assert run(["migrate", "--backend", "main", "--dry-run"]) == Exit.OK
    assert run(["migrate", "--backend", "main"]) == Exit.OK
    assert run(["migrate", "--status", "--backend", "main"]) == Exit.OK
    assert run(["migrate"]) == Exit.INCOMPLETE
    assert told(capsys) == [("migrate", "main", None), ("migrate", "main, big", "backend_unavailable")]


def test_a_copy_leaves_one(tmp_path, capsys):
    (tmp_path / "persistence.toml").write_text(TWO)
    assert run(["migrate"]) == Exit.OK
    told(capsys)
    assert run(["copy", "--from", "main", "--to", "big", "--collection", "users"]) == Exit.OK
    assert run(["copy", "--from", "main", "--to", "none", "--collection", "users"]) == Exit.CONFIGURATION
    assert told(capsys) == [
        ("copy", "users from main to big", None),
        ("copy", "users from main to none", "invalid_configuration"),
    ]


def test_keys_of_encrypted_fields_leave_one_each_also_where_no_configuration_can_be_read_yet(tmp_path, script, capsys):
    looked = {"active": "k2", "keys": {}, "collections": {}, "finished": True, "clean": True}
    script.answers["GET", KEYRING] = 200, looked
    script.answers["POST", f"{KEYRING}/rewrap"] = script.answers["POST", RELOAD] = 202, {}
    (tmp_path / "persistence.toml").write_text('[keyring]\nfile = "keys.toml"\n')
    at = ("--file", "keys.toml", "--url", script.url)
    assert run(["keyring", "create", "keys.toml", "--id", "k1"]) == Exit.OK
    assert run(["keyring", "rotate", "--id", "k2", "--prepare", *at]) == Exit.OK
    assert run(["keyring", "rotate", "--id", "k2", *at]) == Exit.OK
    assert run(["keyring", "retire", "k2", *at]) == Exit.CONFIGURATION
    assert run(["keyring", "retire", "k1", *at]) == Exit.OK
    assert told(capsys) == [
        ("keyring.create", "k1 in keys.toml", None),
        ("keyring.rotate", "k2 in keys.toml, prepared", None),
        ("keyring.rotate", "k2 in keys.toml", None),
        ("keyring.retire", "k2 in keys.toml", "invalid_configuration"),
        ("keyring.retire", "k1 in keys.toml", None),
    ]


def test_who_interrupts_a_command_that_has_changed_something_leaves_one_too(tmp_path, script, capsys):
    key_file.create(tmp_path / "keys.toml", "k1")
    script.answers["POST", RELOAD] = interrupting
    ended = run(["keyring", "rotate", "--id", "k2", "--file", "keys.toml", "--url", script.url])
    assert (ended, key_file.read_keys(tmp_path / "keys.toml").active) == (Exit.INTERRUPTED, "k2")
    left = told(capsys, "Interrupted: the file is changed; `persistence reload`")
    assert left == [("keyring.rotate", "k2 in keys.toml", "interrupted")]


def test_whatever_ends_the_work_leaves_one(capsys):
    with pytest.raises(SystemExit), audited("keys.create", "ci"):
        raise SystemExit
    assert told(capsys) == [("keys.create", "ci", "failed")]

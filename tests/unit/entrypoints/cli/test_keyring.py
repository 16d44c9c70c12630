"""Keys by the command line: made, exchanged while a service runs, and taken away when nothing needs them."""

import time

import pytest

from adapters.keyring import key_file
from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit

KEYRING = "/api/v1/system/keyring"
RELOAD = "/api/v1/system/reload"


@pytest.fixture
def keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "keys.toml"
    key_file.create(path, "k1")
    (tmp_path / "persistence.toml").write_text(f'[keyring]\nfile = "{path}"\n')
    return path


def state(k1=0, letters=0, *, finished=True, rewritten=0, unreadable=0, error=None):
    looked = {"encrypted": ["email"], "records": 9, "plain": 2, "rewritten": rewritten, "unreadable": unreadable}
    return {
        "active": "k2",
        "keys": {"k1": {"values": k1, "dead_letters": letters}, "k2": {"values": 7, "dead_letters": 0}},
        "collections": {"users": {**looked, "finished": finished, "last_error": error}},
        "finished": finished,
        "clean": finished and not rewritten,
    }


def answers(script, *states):
    """One state after the other, the last one from then on."""
    waiting = list(states)
    script.answers["GET", KEYRING] = lambda: (200, waiting.pop(0) if len(waiting) > 1 else waiting[0])
    script.answers["POST", f"{KEYRING}/rewrap"] = (202, states[0])
    script.answers["POST", RELOAD] = (200, {})


def asked(script, path):
    return sum(place == path for place, _ in script.asked)


def test_a_file_of_keys_is_made_for_its_owner_alone(tmp_path, capsys):
    path = tmp_path / "fresh.toml"
    assert run(["keyring", "create", str(path), "--id", "first"]) == Exit.OK
    assert key_file.read_keys(path).active == "first"
    assert f'[keyring] file = "{path}"' in capsys.readouterr().out
    assert run(["keyring", "create", str(path)]) == Exit.CONFIGURATION


def test_keys_are_listed_with_what_is_under_them(script, capsys):
    answers(script, state(3, 1, finished=False))
    assert run(["keyring", "list", "--url", script.url]) == Exit.OK
    told = capsys.readouterr()
    assert [line.split() for line in told.out.splitlines()][1:3] == [["k1", "no", "3", "1"], ["k2", "yes", "7", "0"]]
    assert "being looked at" in told.err


def test_it_is_said_of_which_time_the_numbers_are(script, capsys):
    def said(*moments):
        told = state()
        (users,) = told["collections"].values()
        told["collections"] = {str(place): users | {"finished_at": at} for place, at in enumerate(moments)}
        answers(script, told)
        assert run(["keyring", "list", "--url", script.url]) == Exit.OK
        return capsys.readouterr().out.splitlines()[-1]

    one, other = "2026-11-30T10:23:49.000001Z", "2026-11-30T10:23:52.5Z"
    since = "UTC; what was written since is not counted."
    assert said(one, one) == f"The latest look ended at 2026-11-30 10:23:49 {since}"
    assert said(other, one) == f"The latest looks ended from 2026-11-30 10:23:49 to 2026-11-30 10:23:52 {since}"
    assert "ended" not in said(one, None)


def test_a_new_key_encrypts_and_the_service_is_told(keys, script, capsys):
    answers(script, state())
    assert run(["keyring", "rotate", "--id", "k2", "--url", script.url]) == Exit.OK
    found = key_file.read_keys(keys)
    assert (found.active, sorted(found.keys)) == ("k2", ["k1", "k2"])
    assert asked(script, RELOAD) == 1
    assert "k2 encrypts from now on" in capsys.readouterr().out


def test_keys_of_one_day_have_ids_of_their_own(tmp_path, monkeypatch, script, capsys):
    answers(script, state())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "persistence.toml").write_text('[keyring]\nfile = "keys.toml"\n')
    assert run(["keyring", "create", "keys.toml"]) == Exit.OK
    time.sleep(1.0)  # ids tell the second
    assert run(["keyring", "rotate", "--prepare", "--url", script.url]) == Exit.OK
    first, second = key_file.read_keys(tmp_path / "keys.toml").keys
    assert f"`persistence keyring rotate --id {second}`" in capsys.readouterr().out
    assert run(["keyring", "rotate", "--id", second, "--url", script.url]) == Exit.OK
    assert key_file.read_keys(tmp_path / "keys.toml").active == second != first


def test_counts_of_what_was_encrypted_anew_meanwhile_are_said_to_be_old(script, capsys):
    answers(script, state(3, rewritten=3))
    assert run(["keyring", "list", "--url", script.url]) == Exit.OK
    assert "the next look counts them anew" in capsys.readouterr().err


def test_a_key_can_be_prepared_for_other_instances_first(keys, script):
    answers(script, state())
    assert run(["keyring", "rotate", "--id", "k2", "--prepare", "--url", script.url]) == Exit.OK
    assert key_file.read_keys(keys).active == "k1"
    assert run(["keyring", "rotate", "--id", "k2", "--prepare", "--url", script.url]) == Exit.CONFIGURATION
    assert run(["keyring", "rotate", "--id", "k2", "--url", script.url]) == Exit.OK
    assert key_file.read_keys(keys).active == "k2"


def test_a_key_goes_when_nothing_is_under_it(keys, script):
    key_file.add(keys, "k2", active=True)
    answers(script, state(5, finished=False), state(5, rewritten=5), state(0, finished=False), state(0))
    assert run(["keyring", "retire", "k1", "--url", script.url]) == Exit.OK
    assert list(key_file.read_keys(keys).keys) == ["k2"]
    assert (asked(script, f"{KEYRING}/rewrap"), asked(script, RELOAD)) == (2, 1)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (state(5), "5 values are encrypted under k1, and nothing encrypts them anew"),
        (state(5, unreadable=3), "5 values are encrypted under k1, and 3 records cannot be read"),
        (state(0, 2), "2 values in dead letters are encrypted under k1; replay or purge them first"),
        (state(0, finished=False, error="away"), "users cannot be looked through: away"),
        (state(0, finished=False), "Not all records were looked at in time"),
    ],
)
def test_a_key_that_is_needed_stays(keys, script, capsys, found, sentence):
    key_file.add(keys, "k2", active=True)
    answers(script, found)
    assert run(["keyring", "retire", "k1", "--timeout", "0", "--url", script.url]) == Exit.INCOMPLETE
    assert sentence in capsys.readouterr().err
    assert sorted(key_file.read_keys(keys).keys) == ["k1", "k2"]
    assert asked(script, RELOAD) == 0


def test_the_active_key_and_one_that_is_not_there_are_named(keys, script, capsys):
    assert run(["keyring", "retire", "k1", "--url", script.url]) == Exit.CONFIGURATION
    assert run(["keyring", "retire", "k9", "--url", script.url]) == Exit.CONFIGURATION
    said = capsys.readouterr().err
    assert "'k1' encrypts" in said
    assert "has no key 'k9'; there are: k1" in said


def test_no_file_of_keys_is_a_wrong_command_line(tmp_path, monkeypatch, capsys, script):
    monkeypatch.chdir(tmp_path)
    assert run(["keyring", "rotate", "--url", script.url]) == Exit.USAGE
    assert "no file of keys is configured here" in capsys.readouterr().err

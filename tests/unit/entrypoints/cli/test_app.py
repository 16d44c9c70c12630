"""The command line: exit codes, sentences, what a person reads."""

import tomllib

import click
import pytest

from entrypoints.cli.app import cli, run
from entrypoints.cli.failures import Exit
from entrypoints.cli.options import url_of
from entrypoints.cli.serve import banner
from entrypoints.cli.tables import report_lines
from entrypoints.sections import AuthSettings
from entrypoints.settings import Settings, load_settings
from entrypoints.version import VERSION


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_version_is_that_of_the_package(capsys):
    assert (run(["--version"]), run(["version"])) == (Exit.OK, Exit.OK)
    assert capsys.readouterr().out == f"persistence, version {VERSION}\n{VERSION}\n"


def test_every_command_is_listed_with_one_line(capsys):
    run(["--help"])
    shown = capsys.readouterr().out
    for name in cli.list_commands(click.Context(cli)):
        assert f"\n  {name} " in shown
    assert "..." not in shown.partition("Run:")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["serve", "--port", "99999"],
        ["import"],
        ["import", "missing.ndjson"],
        ["export", "files"],
        ["export", "tasks", "--output", ""],
        ["health", "--url", "127.0.0.1:8080"],
        ["health", "--url", "http://[::1"],
        ["health", "--url", "http://127.0.0.1:99999"],
        ["get", "tasks", ""],
        ["get", "tasks", ".."],
        ["get", "tasks", "\udcff"],
        ["query", "tasks", "status=\udcff"],
        ["query", "tasks", "status"],
        ["receipts", ""],
        ["recovery", "restore", "."],
    ],
)
def test_a_wrong_command_line_is_explained_and_exits_with_2(capsys, arguments):
    assert run(arguments) == Exit.USAGE
    assert "Traceback" not in (said := capsys.readouterr().err)
    assert "Error: " in said


def test_a_service_that_is_not_there_exits_with_69(capsys):
    assert run(["health", "--url", "http://127.0.0.1:1"]) == Exit.UNREACHABLE
    assert run(["export", "tasks", "--url", "http://127.0.0.1:1", "--patience", "0"]) == Exit.UNREACHABLE
    assert "http://127.0.0.1:1 cannot be reached: Connection refused." in capsys.readouterr().err


def test_an_export_that_fails_leaves_no_file(tmp_path):
    assert run(["export", "tasks", "--url", "http://127.0.0.1:1", "--patience", "0", "-o", "x.gz"]) != Exit.OK
    assert list(tmp_path.iterdir()) == []


def test_an_import_that_nobody_takes_names_what_is_missing(tmp_path, capsys):
    (tmp_path / "t.ndjson").write_text('{"task_id":"a"}\n')
    assert run(["import", "t.ndjson", "--url", "http://127.0.0.1:1", "--patience", "0"]) == Exit.INCOMPLETE
    said = capsys.readouterr()
    assert said.out.startswith("Acknowledged 0 records")
    assert "t.ndjson: line 1\n" in said.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config", "missing.toml"], "There is no configuration file missing.toml."),
        (["--host", "0.0.0.0"], "server.host: 0.0.0.0 can be reached by others"),
        (["--data-dir", "file/below", "--port", "0"], "cannot be written: Not a directory."),
    ],
)
def test_a_service_that_cannot_start_says_why_and_exits_with_78(tmp_path, capsys, arguments, sentence):
    (tmp_path / "file").write_text("")
    assert run(["serve", "--port", "0", *arguments]) == Exit.CONFIGURATION
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_the_shown_configuration_is_the_effective_one_as_toml(tmp_path, capsys):
    (tmp_path / "persistence.toml").write_text('[server]\nport = 9\n[log]\nlevel = "debug"\n')
    assert run(["config", "show"]) == Exit.OK
    shown = tomllib.loads(capsys.readouterr().out)
    expected = Settings().shown()
    expected["server"]["port"], expected["log"]["level"] = 9, "debug"
    for collection in expected["collections"].values():
        del collection["on_failure"], collection["cache_seconds"]  # None: as in [buffer] and [cache]
        del collection["retention_days"]  # None: as declared
    del expected["worker"]["port"], expected["admin"]["port"]  # None: they do not listen
    del expected["journal"]["url"], expected["journal"]["password"]  # None: there is no shared one
    del expected["objects"]["access_key"], expected["objects"]["secret_key"]
    del expected["cache"]["url"], expected["cache"]["password"]
    del expected["quotas"]["url"], expected["quotas"]["password"]
    del expected["auth"]["issuers"]  # none are named
    del expected["search"]["user"], expected["search"]["password"]
    del expected["keyring"]["keys"], expected["keyring"]["index_key"]
    del expected["tracing"]["headers"]
    assert shown == expected


def test_quotes_and_backslashes_are_shown_so_that_they_read_back(tmp_path, capsys):
    (tmp_path / "persistence.toml").write_text("data_dir = 'a\"b\\c'\n")
    run(["config", "show"])
    assert tomllib.loads(capsys.readouterr().out)["data_dir"] == 'a"b\\c'


def test_migrating_makes_the_tables_once_and_says_so_before_and_after(tmp_path, capsys):
    said = []
    for arguments in (["--dry-run"], ["--status"], [], [], ["--dry-run"], ["--status"]):
        assert run(["migrate", "--data-dir", "d", *arguments]) == Exit.OK
        said.append(capsys.readouterr().out.splitlines())
        assert (tmp_path / "d" / "persistence.db").exists() is (len(said) > 2)
    planned, none, done, again, nothing, all_of_them = said
    whole = "Backend main has the schema of this release."

    assert planned[0] == "Backend main: 0001_expand_translation_sessions.sql would be applied."
    assert [line.replace("would be", "is") for line in planned] + [whole] == done
    assert again == nothing == [whole]
    assert len(none) == len(all_of_them) == len(planned) + 1
    assert not any("yes" in line for line in none)
    assert all("yes" in line for line in all_of_them[1:])


@pytest.mark.parametrize("command", [["migrate"], ["copy", "--from", "main", "--to", "far"]])
def test_a_server_that_is_away_is_another_code_than_one_that_cannot_be_used(tmp_path, capsys, command):
    run(["migrate", "--data-dir", "d"])
    far = '[backends.main]\ntype = "sqlite"\n[backends.far]\ntype = "mysql"\ndsn = "{}"\n'
    for dsn, code in (("mysql://u@127.0.0.1:1/d", Exit.INCOMPLETE), ("nonsense", Exit.CONFIGURATION)):
        (tmp_path / "persistence.toml").write_text(far.format(dsn))
        assert run([*command, "--data-dir", "d"]) == code
        assert "far" in capsys.readouterr().err


def test_the_banner_names_the_place_the_promise_and_a_request():
    shown = banner(Settings(data_dir="/data"), "http://127.0.0.1:8080")
    for word in ("http://127.0.0.1:8080", "/data", "journaled", "curl -sS http://127.0.0.1:8080/api/v1/translation"):
        assert word in shown


def test_where_keys_are_asked_for_the_request_of_the_banner_shows_one():
    asking = Settings(auth=AuthSettings(mode="keys"))
    assert '-H "X-API-Key: $PERSISTENCE_API_KEY"' in banner(asking, "http://127.0.0.1:8080")
    assert "X-API-Key" not in banner(Settings(), "http://127.0.0.1:8080")


def test_the_banner_advises_no_key_that_cannot_be_made(monkeypatch):
    monkeypatch.setenv("PERSISTENCE__AUTH__MODE", "keys")
    assert "`persistence keys create` makes one" in banner(load_settings(), "http://127.0.0.1:8080")
    monkeypatch.setenv("PERSISTENCE__BACKENDS__MAIN__TYPE", "memory")
    assert "none can be made in memory; name another `auth.backend`" in banner(load_settings(), "http://127.0.0.1:8080")


def test_the_banner_says_where_the_documentation_is_when_operators_have_a_listener():
    shown = banner(Settings(), "http://127.0.0.1:8080", "http://127.0.0.1:8081")
    assert "http://127.0.0.1:8081/docs" in shown
    assert "http://127.0.0.1:8080/docs" not in shown


@pytest.mark.parametrize(
    ("url", "reached"),
    [
        ("https://0.0.0.0:8443", "https://localhost:8443"),
        ("https://[::]:8443", "https://localhost:8443"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("https://[fe80::1]:8443", "https://[fe80::1]:8443"),
    ],
)
def test_the_request_of_the_banner_goes_where_this_machine_reaches_the_service(url, reached):
    shown = banner(Settings(), url)
    assert url in shown
    assert f"curl -sS {reached}/api/v1" in shown
    assert f"{reached}/docs" in shown


def test_a_report_is_readable():
    report = {"status": "ok", "backends": {"main": {"healthy": True, "attempt": 0, "last_error": None}}}
    assert [line.split() for line in report_lines(report)] == [
        ["status", "ok"],
        ["backends"],
        ["main"],
        ["healthy", "yes"],
        ["attempt", "0"],
        ["last_error", "-"],
    ]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("localhost", "http://localhost:80"),
    ],
)
def test_a_listener_is_reached_under_its_address(host, url):
    assert url_of(host, 80) == url


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_certificate_is_asked_for_by_the_name_of_this_machine(host):
    assert url_of(host, 80, encrypted=True) == "https://localhost:80"

"""Would the service start here?"""

import json
import socket
from datetime import timedelta

import pytest

from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit
from tests.authority import Authority


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERSISTENCE__SERVER__PORT", "0")


def verdicts(capsys, *arguments):
    code = run(["check", "--json", *arguments])
    return code, {found["what"]: found for found in json.loads(capsys.readouterr().out)}


def test_a_new_folder_is_fine_and_nothing_is_made_by_looking(tmp_path, capsys):
    code, found = verdicts(capsys)
    assert code == Exit.OK
    assert {name: each["verdict"] for name, each in found.items() if name != "disk space"} == dict.fromkeys(
        (
            *("configuration", "data folder", "disk sync", "address", "callers"),
            *("backend main", "object store", "search index", "cache", "traces"),
        ),
        "ok",
    )
    assert found["search index"]["detail"] == "off: texts are not searched"
    assert "single records in this process; lists are not cached" in found["cache"]["detail"]
    assert "will be made" in found["data folder"]["detail"]
    assert list(tmp_path.iterdir()) == []


def test_people_get_a_table(capsys):
    assert run(["check"]) == Exit.OK
    assert capsys.readouterr().out.splitlines()[0].split() == ["checked", "verdict", "finding"]


def test_a_wrong_configuration_leaves_nothing_else_to_judge(tmp_path, capsys):
    (tmp_path / "persistence.toml").write_text("[server]\nprot = 1\n")
    code, found = verdicts(capsys)
    assert (code, [*found]) == (Exit.CONFIGURATION, ["configuration"])
    assert "server.prot" in found["configuration"]["detail"]
    assert run(["config", "check"]) == Exit.CONFIGURATION
    assert "server.prot" in capsys.readouterr().err


def test_a_sound_configuration_is_said_to_be(capsys):
    assert run(["config", "check"]) == Exit.OK
    assert capsys.readouterr().out == "The configuration is sound.\n"


def test_the_configuration_is_json_for_programs(capsys):
    assert run(["config", "show", "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out)["server"]["port"] == 0


def test_a_folder_that_cannot_be_is_a_failure(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, found = verdicts(capsys, "--data-dir", "file/below")
    assert code == Exit.CONFIGURATION
    assert found["data folder"]["detail"] == f"{tmp_path / 'file'} cannot be written: Not a directory."


def test_a_taken_address_is_a_failure(capsys, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PERSISTENCE__SERVER__PORT", str(taken.getsockname()[1]))
        code, found = verdicts(capsys)
    assert (code, found["address"]["verdict"]) == (Exit.CONFIGURATION, "failure")


def test_the_operators_address_is_looked_at_too(capsys, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PERSISTENCE__ADMIN__PORT", str(taken.getsockname()[1]))
        code, found = verdicts(capsys)
    assert (code, found["admin address"]["verdict"]) == (Exit.CONFIGURATION, "failure")


def test_an_issuer_whose_file_is_of_no_use_is_a_failure_and_one_that_is_away_a_warning(tmp_path, capsys):
    asking = '[auth]\nmode = "keys"\n[auth.issuers.login]\nissuer = "https://login.example"\naudience = "a"\n'
    (tmp_path / "persistence.toml").write_text(f'{asking}algorithms = ["ES256"]\njwks_file = "none.json"\n')
    code, found = verdicts(capsys)
    assert (code, found["issuers"]["verdict"]) == (Exit.CONFIGURATION, "failure")
    assert "none.json cannot be read" in found["issuers"]["detail"]
    (tmp_path / "persistence.toml").write_text(
        f'{asking}algorithms = ["ES256"]\njwks_url = "http://127.0.0.1:9/keys"\n'
    )
    code, found = verdicts(capsys)
    assert (code, found["issuers"]["verdict"]) == (Exit.OK, "warning")
    assert "login: http://127.0.0.1:9/keys cannot be read" in found["issuers"]["detail"]


def test_a_certificate_that_cannot_be_used_is_a_failure(tmp_path, capsys, monkeypatch):
    authority = Authority()
    for name, content in zip(("certificate", "key"), authority.signed("localhost"), strict=True):
        (tmp_path / name).write_bytes(content)
        monkeypatch.setenv(f"PERSISTENCE__SERVER__TLS_{name.upper()}", str(tmp_path / name))
    (tmp_path / "key").chmod(0o600)
    code, found = verdicts(capsys)
    assert (code, found["certificate"]["verdict"]) == (Exit.OK, "ok")
    (tmp_path / "key").chmod(0o644)
    code, found = verdicts(capsys)
    assert (code, found["certificate"]["verdict"]) == (Exit.CONFIGURATION, "failure")


def test_a_backend_that_can_keep_no_keys_is_a_failure_where_keys_are_asked_for(tmp_path, capsys):
    (tmp_path / "persistence.toml").write_text(
        '[backends.main]\ntype = "sqlite"\n[backends.words]\ntype = "opensearch"\nurl = "http://127.0.0.1:9"\n'
        '[auth]\nmode = "keys"\nbackend = "words"\n'
    )
    code, found = verdicts(capsys)
    assert (code, found["callers"]["verdict"]) == (Exit.CONFIGURATION, "failure")
    assert "no conditional writes, without which no keys can be kept" in found["callers"]["detail"]


@pytest.mark.parametrize(
    ("left", "sentence"),
    [(timedelta(days=13), "it ends at 20"), (timedelta(days=-1), "certificate has expired: clients refuse it")],
)
def test_a_certificate_that_ends_soon_or_has_ended_is_a_warning(tmp_path, capsys, monkeypatch, left, sentence):
    for name, content in zip(("certificate", "key"), Authority().signed("localhost", ends=left), strict=True):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
        monkeypatch.setenv(f"PERSISTENCE__SERVER__TLS_{name.upper()}", str(tmp_path / name))
    for minimum in ("1.2", "1.3"):
        monkeypatch.setenv("PERSISTENCE__SERVER__TLS_MINIMUM", minimum)
        code, found = verdicts(capsys)
        assert (code, found["certificate"]["verdict"]) == (Exit.OK, "warning")
        assert sentence in found["certificate"]["detail"]


def test_a_file_that_is_no_database_is_a_failure(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "persistence.db").write_bytes(b"something else entirely")
    code, found = verdicts(capsys)
    assert (code, found["backend main"]["verdict"]) == (Exit.CONFIGURATION, "failure")
    assert "is not a SQLite database" in found["backend main"]["detail"]


def test_a_backend_that_forgets_is_a_warning(tmp_path, capsys):
    (tmp_path / "persistence.toml").write_text('[backends.main]\ntype = "memory"\n')
    code, found = verdicts(capsys)
    assert (code, found["backend main"]["verdict"]) == (Exit.OK, "warning")


@pytest.mark.parametrize("kind", ["mysql", "postgres"])
def test_a_server_that_does_not_answer_is_a_warning_and_a_wrong_setting_a_failure(tmp_path, capsys, kind):
    backend = f'[backends.main]\ntype = "{kind}"\ndsn = "{kind}://a@127.0.0.1:9/b"\n'
    (tmp_path / "persistence.toml").write_text(backend)
    code, found = verdicts(capsys)
    assert (code, found["backend main"]["verdict"]) == (Exit.OK, "warning")
    assert "cannot be reached: " in found["backend main"]["detail"]
    assert found["backend main"]["detail"].endswith("Until it answers, records wait in the journal.")

    (tmp_path / "persistence.toml").write_text(backend + 'password_file = "/nowhere"\n')
    code, found = verdicts(capsys)
    assert (code, found["backend main"]["verdict"]) == (Exit.CONFIGURATION, "failure")


def test_an_object_store_that_does_not_answer_is_a_warning(tmp_path, capsys, monkeypatch):
    place = {"TYPE": "s3", "ENDPOINT": "127.0.0.1:9", "BUCKET": "files", "ACCESS_KEY": "a", "SECRET_KEY": "secret"}
    for key, value in place.items():
        monkeypatch.setenv(f"PERSISTENCE__OBJECTS__{key}", value)
    code, found = verdicts(capsys)
    assert (code, found["object store"]["verdict"]) == (Exit.OK, "warning")
    assert "127.0.0.1:9 does not answer" in found["object store"]["detail"]


def test_a_local_disk_that_instances_do_not_share_is_a_warning(tmp_path, capsys):
    (tmp_path / "persistence.toml").write_text(
        '[journal]\ntype = "redis"\nurl = "redis://127.0.0.1:9/0"\n'
        '[backends.main]\ntype = "postgres"\ndsn = "postgres://a@127.0.0.1:9/b"\n'
    )
    _, found = verdicts(capsys)
    assert found["object store"]["verdict"] == "warning"
    assert 'set objects.type = "s3"' in found["object store"]["detail"]


def test_files_may_be_off(capsys, monkeypatch):
    monkeypatch.setenv("PERSISTENCE__OBJECTS__TYPE", "off")
    code, found = verdicts(capsys)
    assert (code, found["object store"]) == (
        Exit.OK,
        {"what": "object store", "verdict": "ok", "detail": "off: no files are kept"},
    )


def test_an_index_in_a_file_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PERSISTENCE__SEARCH__TYPE", "sqlite")
    code, found = verdicts(capsys)
    assert (code, found["search index"]["verdict"]) == (Exit.OK, "ok")
    assert found["search index"]["detail"].endswith("search.db will be made")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("PERSISTENCE__SEARCH__PATH", str(tmp_path / "taken" / "search.db"))
    code, found = verdicts(capsys)
    assert (code, found["search index"]["verdict"]) == (Exit.CONFIGURATION, "failure")


def test_an_index_on_a_server_that_does_not_answer_is_a_warning(capsys, monkeypatch):
    monkeypatch.setenv("PERSISTENCE__SEARCH__TYPE", "opensearch")
    monkeypatch.setenv("PERSISTENCE__SEARCH__URL", "http://127.0.0.1:9")
    code, found = verdicts(capsys)
    assert (code, found["search index"]["verdict"]) == (Exit.OK, "warning")
    assert "OpenSearch at http://127.0.0.1:9 cannot be reached" in found["search index"]["detail"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("URL", "", 'type "opensearch" needs a `url`'),
        ("URL", "127.0.0.1:9200", "is no address like"),
        ("URL", "https://me:quite-secret@there", "`url` names a user"),
        ("PASSWORD", "quite-secret", "`user` and `password` go together"),
        ("PREFIX", "Upper", "search.prefix"),
        ("CA_FILE", "/no/such/file", "search.ca_file: /no/such/file cannot be used: No such file"),
    ],
)
def test_a_search_server_that_is_wrongly_described_is_a_failure(capsys, monkeypatch, key, value, said):
    monkeypatch.setenv("PERSISTENCE__SEARCH__TYPE", "opensearch")
    monkeypatch.setenv("PERSISTENCE__SEARCH__URL", "https://127.0.0.1:9")
    monkeypatch.setenv(f"PERSISTENCE__SEARCH__{key}", value)
    code, found = verdicts(capsys)
    assert code == Exit.CONFIGURATION
    failures = [each["detail"] for each in found.values() if each["verdict"] == "failure"]
    assert said in " ".join(failures)
    assert "quite-secret" not in str(found)


def test_a_cache_that_does_not_answer_is_a_warning(capsys, monkeypatch):
    monkeypatch.setenv("PERSISTENCE__CACHE__URL", "redis://127.0.0.1:9/0")
    code, found = verdicts(capsys)
    assert (code, found["cache"]["verdict"]) == (Exit.OK, "warning")
    assert "lists: Redis cannot be used" in found["cache"]["detail"]


def test_who_would_be_let_in_is_said(tmp_path, monkeypatch, capsys):
    assert verdicts(capsys)[1]["callers"]["detail"] == "nobody has to authenticate"
    monkeypatch.setenv("PERSISTENCE__SERVER__INSECURE", "true")
    monkeypatch.setenv("PERSISTENCE__SERVER__HOST", "0.0.0.0")
    assert verdicts(capsys)[1]["callers"]["verdict"] == "warning"
    monkeypatch.setenv("PERSISTENCE__AUTH__MODE", "keys")
    assert "no key is made yet" in verdicts(capsys)[1]["callers"]["detail"]
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        assert run(["keys", "create", "ci"]) == Exit.OK
    key_id = capsys.readouterr().out.splitlines()[0][3:19]
    assert run(["keys", "revoke", key_id]) == Exit.OK
    found = verdicts(capsys)[1]["callers"]
    assert found["detail"].startswith("keys, in the backend main: 1 of 2 active; they travel unencrypted")
    monkeypatch.setenv("PERSISTENCE__SERVER__HOST", "127.0.0.1")
    assert verdicts(capsys)[1]["callers"]["verdict"] == "ok"


def test_a_first_key_that_cannot_be_made_is_not_advised(tmp_path, monkeypatch, capsys):
    (tmp_path / "persistence.toml").write_text('[auth]\nmode = "keys"\n[backends.main]\ntype = "memory"\n')
    found = verdicts(capsys)[1]["callers"]
    assert found["verdict"] == "warning"
    assert found["detail"] == (
        "the first key cannot be made in the backend main, which is in memory; name another `auth.backend`"
    )


def test_a_collector_of_traces_that_does_not_answer_is_a_warning(monkeypatch, capsys):
    monkeypatch.setenv("PERSISTENCE__TRACING__ENDPOINT", "http://127.0.0.1:9")
    code, found = verdicts(capsys)
    assert (code, found["traces"]["verdict"]) == (Exit.OK, "warning")
    assert found["traces"]["detail"].startswith("http://127.0.0.1:9/v1/traces: Connection refused; ")


def test_an_authority_that_is_not_there_would_end_the_start(monkeypatch, capsys):
    monkeypatch.setenv("PERSISTENCE__TRACING__ENDPOINT", "https://collector.example")
    monkeypatch.setenv("PERSISTENCE__TRACING__CA_FILE", "nowhere.pem")
    code, found = verdicts(capsys)
    assert (code, found["traces"]["verdict"]) == (Exit.CONFIGURATION, "failure")
    assert found["traces"]["detail"] == "tracing.ca_file: nowhere.pem cannot be read."

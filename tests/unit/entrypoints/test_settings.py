"""Configuration: file, environment, flags."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from adapters.memory.backend_type import MEMORY, MemorySettings
from adapters.pipe.messages import Greeting
from adapters.sqlite.backend_type import SQLITE, SqliteSettings
from domain.errors import InvalidConfiguration, UnknownBackend
from domain.model.built_in import BUILT_IN
from domain.model.secret import Secret
from entrypoints.sections import ConfiguredBackend, Section
from entrypoints.settings import Settings, load_settings, unpacked


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(text=None, environ=None, **flags):
        if text is not None:
            Path("persistence.toml").write_text(text, encoding="utf-8")
            Path("persistence.toml").chmod(0o600)
        return load_settings(environ=environ or {}, flags=flags)

    return load


def test_nothing_configured_is_the_embedded_default(load, tmp_path):
    settings = load()
    assert settings == Settings()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.backends == {"main": ConfiguredBackend("sqlite", SQLITE, SqliteSettings())}
    assert settings.data_folder == tmp_path / "data"
    assert settings.journal_folder == tmp_path / "data" / "journal"


def test_the_environment_beats_the_file_and_a_flag_beats_both(load):
    text = "[server]\nport = 1\ndrain_delay_seconds = 15\n[buffer]\nlinger_seconds = 3"
    environ = {"PERSISTENCE__SERVER__PORT": "2", "PERSISTENCE__BUFFER__LINGER_SECONDS": "2.5", "HOME": "/root"}
    settings = load(text, environ, server={"port": 3, "host": None})
    assert (settings.server.port, settings.server.host) == (3, "127.0.0.1")
    assert settings.buffer.linger_seconds == 2.5
    assert settings.server.drain_delay_seconds == 15.0
    assert load(text, environ).server.port == 2


def test_the_environment_reaches_into_the_default_backend(load):
    settings = load(environ={"PERSISTENCE__BACKENDS__MAIN__PATH": "/elsewhere/x.db", "PERSISTENCE__DATA_DIR": "/d"})
    assert settings.backends["main"].settings == SqliteSettings(path="/elsewhere/x.db")
    assert settings.data_folder == Path("/d")


def test_a_named_file_is_read_and_must_exist(tmp_path):
    (tmp_path / "x.toml").write_text("data_dir = '/d'")
    assert load_settings(tmp_path / "x.toml", environ={}).data_dir == "/d"
    with pytest.raises(InvalidConfiguration, match=r"no configuration file .*missing\.toml"):
        load_settings(tmp_path / "missing.toml", environ={})


def test_collections_may_go_to_other_backends_and_choose_to_discard(load):
    settings = load(
        "[backends.main]\ntype = 'sqlite'\n[backends.trial]\ntype = 'memory'\n"
        "[collections.translation_tasks]\nbackend = 'trial'\non_failure = 'discard'"
    )
    assert settings.backends["trial"] == ConfiguredBackend("memory", MEMORY, MemorySettings())
    assert settings.collection("translation_tasks").backend == "trial"
    assert settings.collection("translation_sessions").backend == "main"
    assert settings.policy("translation_tasks").on_failure == "discard"
    assert settings.policy("translation_sessions").on_failure == "dead_letter"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[journal]\nsize = 1",
            "journal.size: there is no such setting; there are: type, segment_bytes, url, password, ca_file, "
            "partitions, lease_seconds, call_seconds (in persistence.toml).",
        ),
        ("prot = 1", "prot: there is no such setting; there are: data_dir, server, auth, admin, worker,"),
        ("[server]\nport = 'x'", "server.port: expected `int`, got `str` (in persistence.toml)."),
        ("[server]\nport = 70000", "server.port: expected `int` <= 65535 (in persistence.toml)."),
        ("server = 3", "server: expected `object`, got `int` (in persistence.toml)."),
        ("[log]\nformat = 'x'", "log.format: invalid enum value 'x'; there are: auto, console, json (in"),
        (
            "[collections.c]\non_failure = 'x'",
            "collections.c.on_failure: invalid enum value 'x'; there are: dead_letter,",
        ),
        ("[backends.main]\npath = 'x'", "backends.main.type: is missing (in persistence.toml)."),
        ("[backends.a]\ntype = 'memory'\n[backends.b]\ntype = 'sqlite'\npath = 5", "backends.b.path: expected `str`"),
        ("[backends.main]\ntype = 'sqlite'\nptah = 'x'", "backends.main.ptah: there is no such setting"),
        ("[backends.Main]\ntype = 'memory'", "backends: a name has small letters, digits and `_`"),
        ("[collections.translation_taks]", "collections.translation_taks: no such collection"),
        ("[buffer]\nbatch_records = 3", "buffer: batch_records_min <= batch_records <= batch_records_max"),
        ("[buffer]\nlane_share = 0.0", "buffer: lane_share must be above 0"),
        (
            f'[auth.issuers.login]\nissuer = "i"\naudience = "a"\nalgorithms = ["HS256"]\nsecret = "{"s" * 32}"',
            "auth: `issuers`",
        ),
        ('[server]\ntls_key = "key.pem"', "server: `tls_certificate` and `tls_key` come together"),
        ('[server]\ntls_minimum = "1.1"', "server.tls_minimum"),
        ("[buffer]\nlinger_seconds = 31", "buffer: linger_seconds must be between 0 and max_age_seconds"),
        ("[buffer]\nfast_flush_seconds = 2", "buffer: fast_flush_seconds must be below slow_flush_seconds"),
        ("[buffer]\nmax_bytes = 10", "buffer: max_bytes and batch_bytes must be at least 1 MiB"),
        ("[admin]\nport = 8080", "admin.port: 8080 is that of [server]"),
        ("[admin]\nport = 8080\n[auth]\nmode = 'keys'\n[server]\nhost = '0.0.0.0'", "admin.port: 8080 is that of"),
        ("[server", "persistence.toml is not TOML"),
    ],
)
def test_a_wrong_file_fails_with_the_place(load, text, sentence):
    with pytest.raises(InvalidConfiguration) as caught:
        load(text)
    assert str(caught.value).startswith(sentence)


def test_a_wrong_variable_is_named(load):
    with pytest.raises(InvalidConfiguration, match=r"server\.port.*in PERSISTENCE__SERVER__PORT"):
        load(environ={"PERSISTENCE__SERVER__PORT": "abc"})
    with pytest.raises(InvalidConfiguration, match=r"server\.prot.*in PERSISTENCE__SERVER__PROT"):
        load(environ={"PERSISTENCE__SERVER__PROT": "1"})
    with pytest.raises(InvalidConfiguration, match=r"severs: there is no.*in PERSISTENCE__SEVERS__PORT"):
        load(environ={"PERSISTENCE__SEVERS__PORT": "1", "PERSISTENCE__SERVER__PORT": "1"})
    with pytest.raises(InvalidConfiguration, match=r"PERSISTENCE__DATA_DIR__X: `data_dir` is a value"):
        load("data_dir = 'd'", environ={"PERSISTENCE__DATA_DIR__X": "1"})


def test_an_unreadable_file_fails_with_its_name(load):
    Path("persistence.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfiguration, match=r"persistence\.toml cannot be read"):
        load()


def test_backends_that_are_not_there_are_named(load):
    with pytest.raises(UnknownBackend, match=r"backends\.main\.type: 'oracle' is not installed .*sqlite, memory"):
        load("[backends.main]\ntype = 'oracle'")
    with pytest.raises(UnknownBackend, match=r"translation_tasks\.backend: there is no \[backends\.x\] .*main"):
        load("[collections.translation_tasks]\nbackend = 'x'")
    with pytest.raises(UnknownBackend, match=r"no \[backends\.main\] .*none"):
        load("[backends]")


@pytest.mark.parametrize(
    ("names", "chosen"), [(("other",), "other"), (("other", "main"), "main"), (("second", "first"), "second")]
)
def test_a_collection_that_names_no_backend_goes_to_main_else_to_the_first(load, names, chosen):
    text = "".join(f"[backends.{name}]\ntype = 'memory'\n" for name in names)
    settings = load(text + f"[collections.users]\nbackend = '{names[0]}'\n")
    routes = {collection.name: settings.collection(collection.name).backend for collection in BUILT_IN}
    assert routes == dict.fromkeys(routes, chosen) | {"users": names[0]}
    assert unpacked(settings.packed()).shown() == settings.shown()


@pytest.mark.parametrize("section", ["server", "admin", "worker"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_other_than_loopback_addresses_need_a_word(load, section, host):
    place = {section: {"host": host}}
    with pytest.raises(InvalidConfiguration, match=rf"{section}\.host: .* --insecure"):
        load(**place)
    insecure = {**place, "server": {**place.get("server", {}), "insecure": True}}
    assert getattr(load(**insecure), section).host == host
    assert getattr(load(**place, auth={"mode": "keys"}), section).host == host


def test_keys_are_kept_where_the_records_are_unless_another_backend_is_named(load):
    two = {"main": {"type": "sqlite"}, "other": {"type": "memory"}}
    assert load(backends=two).keys_backend == "main"
    assert load(backends=two, auth={"backend": "other"}).keys_backend == "other"
    with pytest.raises(UnknownBackend, match=r"auth\.backend: there is no \[backends\.third\]"):
        load(backends=two, auth={"backend": "third"})


def test_instances_that_share_a_buffer_share_their_keys(load):
    server = {"main": {"type": "postgres", "dsn": "postgresql://a@b/c"}, "own": {"type": "sqlite"}}
    shared = {"journal": {"type": "redis", "url": "redis://localhost"}, "backends": server}
    assert load(auth={"mode": "keys"}, **shared).keys_backend == "main"
    with pytest.raises(InvalidConfiguration, match=r"auth\.backend: own is of type sqlite"):
        load(auth={"mode": "keys", "backend": "own"}, **shared)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_addresses_need_none(load, host):
    assert load(server={"host": host}).server.host == host


def test_a_secret_shows_itself_to_nobody_by_accident():
    class Door(Section, frozen=True, kw_only=True):
        password: Secret

    secret = Secret("hunter2")
    door = Door(password=secret)
    assert secret.reveal() == "hunter2"
    assert "hunter2" not in f"{secret} {secret!r} {door} {msgspec.json.encode(door, enc_hook=repr)}"
    assert "********" in repr(door)


def test_everything_shown_reads_back_as_the_same_settings(load):
    settings = load(server={"port": 9999})
    read = load(**settings.shown())
    assert (read.server, read.shown()) == (settings.server, settings.shown())
    assert list(read.collections) == ["translation_sessions", "translation_tasks", "files", "users", "logs"]


SERVER = """
[backends.main]
type = "postgres"
dsn = "postgresql://anna@db/main"
password = "s3cret"
[backends.spare]
type = "sqlite"
path = "{data_dir}/spare.db"
[collections.translation_tasks]
backend = "spare"
on_failure = "discard"
[buffer]
linger_seconds = 2.5
"""


def test_settings_reach_another_process_whole_with_their_secrets(load):
    settings = load(SERVER)
    received = unpacked(settings.packed())
    assert received.shown() == settings.shown()
    assert received.backends == settings.backends
    assert received.backends["main"].settings.password.reveal() == "s3cret"
    assert received.policy("translation_tasks") == settings.policy("translation_tasks")
    assert b"s3cret" in settings.packed()
    assert "s3cret" not in repr(Greeting("1", settings.packed(), ()))


def test_keys_go_to_no_other_process(load):
    text = (
        '[collections.users]\nencrypted = ["email"]\n[keyring]\nactive = "k"\nindex_key = "i"\n[keyring.keys]\nk = "x"'
    )
    packed = load(text).packed()
    assert (unpacked(packed).encrypted, unpacked(packed).keyring.is_there) == ({}, False)


def test_keys_are_in_a_file_or_named_and_shown_to_nobody(load):
    with pytest.raises(InvalidConfiguration, match="keyring: keys are in the `file`, or they are named"):
        load('[keyring]\nfile = "keys.toml"\nactive = "k"')
    shown = load('[keyring]\nactive = "k"\nindex_key = "hidden"\n[keyring.keys]\nk = "hidden"').shown()
    assert "hidden" not in str(shown)


def test_keys_in_a_configuration_that_others_can_read_are_refused(tmp_path):
    file = tmp_path / "persistence.toml"
    file.write_text('[keyring]\nactive = "k"\nindex_key = "hidden"\n[keyring.keys]\nk = "hidden"')
    file.chmod(0o660)
    with pytest.raises(
        InvalidConfiguration, match=r"keyring\.\w+.*: .* open to others than its owner \(mode 660\)"
    ) as caught:
        load_settings(file, environ={})
    assert "hidden" not in str(caught.value)
    file.chmod(0o600)
    assert load_settings(file, environ={}).keyring.is_there


def test_what_is_searched_by_its_words_is_not_encrypted(load):
    text = '[collections.translation_tasks]\nencrypted = ["metadata", "source_text"]\n[keyring]\nfile = "k"\n'
    assert load(text).encrypted == {"translation_tasks": ("metadata", "source_text")}
    with pytest.raises(InvalidConfiguration, match=r"encrypted: `source_text` is searched by its words \(\[search\]\)"):
        load(text + '[search]\ntype = "sqlite"')
    with pytest.raises(InvalidConfiguration, match=r"translation_tasks\.encrypted: `batch_id` is neither a text"):
        load(text.replace("metadata", "batch_id"))
    with pytest.raises(InvalidConfiguration, match="encrypted: a field is named twice"):
        load(text.replace("metadata", "source_text"))


def test_a_change_of_backends_and_routes_leaves_the_rest_of_the_settings_as_it_was(load):
    before = load(SERVER)
    after = load(SERVER.replace("2.5", "7").replace('"spare"\n', '"main"\n').replace("discard", "dead_letter"))
    rerouted = before.rerouted(after)
    assert rerouted.backends == after.backends
    assert rerouted.backend_of("translation_tasks").type_name == "postgres"
    assert rerouted.buffer.linger_seconds == 2.5
    assert rerouted.policy("translation_tasks").on_failure == "discard"


def test_a_bucket_needs_to_be_described_and_its_keys_are_not_shown(load):
    with pytest.raises(InvalidConfiguration, match=r'objects: type "s3" needs `endpoint`, `bucket`'):
        load(objects={"type": "s3", "endpoint": "there:9000"})
    keys = {"access_key": "the name", "secret_key": "the secret"}
    settings = load(objects={"type": "s3", "endpoint": "there:9000", "bucket": "files", **keys})
    assert "the " not in str(settings.shown())
    assert unpacked(settings.packed()).objects == settings.objects


@pytest.mark.parametrize("wrong", [{"types": ["image"]}, {"types": ["Image/png"]}, {"max_bytes": 0}, {"type": "disk"}])
def test_limits_of_files_that_are_none_are_refused(load, wrong):
    with pytest.raises(InvalidConfiguration, match="objects"):
        load(objects=wrong)


def test_a_local_disk_is_not_what_instances_share(load):
    shared = {"type": "redis", "url": "redis://there"}
    backends = {"main": {"type": "postgres", "dsn": "postgres://a@b/c"}}
    bucket = {"type": "s3", "endpoint": "there", "bucket": "b", "access_key": "a", "secret_key": "b"}
    assert load(journal=shared, backends=backends).files_are_off
    assert not load(journal=shared, backends=backends, objects=bucket).files_are_off
    assert not load().files_are_off
    assert load(objects={"type": "off"}).files_are_off


def test_logs_alone_are_kept_for_a_while(load):
    assert load().retention == {"logs": timedelta(days=30)}
    assert load("[collections.logs]\nretention_days = 7").retention == {"logs": timedelta(days=7)}
    assert load("[collections.logs]\nretention_days = 0").retention == {}
    for name in ("translation_sessions", "translation_tasks", "files", "users"):
        with pytest.raises(InvalidConfiguration, match=rf"collections\.{name}\.retention_days: {name} stay"):
            load(f"[collections.{name}]\nretention_days = 1")
    with pytest.raises(InvalidConfiguration, match=r"collections\.logs\.retention_days"):
        load("[collections.logs]\nretention_days = -1")


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://collector.example/tenant/v1/traces", "https://collector.example/tenant/v1/traces"),
        ("", ""),
    ],
)
def test_traces_go_where_collectors_take_them_unless_a_path_is_named(endpoint, url):
    settings = load_settings(environ={"PERSISTENCE__TRACING__ENDPOINT": endpoint})
    assert settings.tracing.url == url
    assert settings.sample_ratio == (1.0 if url else 0.0)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("endpoint = 'collector:4318'", "endpoint must be an address like http://collector:4318"),
        ("endpoint = 'http://u:SECRET@collector'", "endpoint names a user"),
        ("endpoint = 'http://collector?key=SECRET'", "endpoint must be an address"),
        ("sample_ratio = 1.5", "tracing.sample_ratio: "),
        ("headers = 'SECRET'", "headers must be like name=value"),
        ("headers = 'a b=SECRET'", "headers must be like name=value"),
        ('headers = "a=SECRET\\nb: c"', "headers must be like name=value"),
    ],
)
def test_what_nothing_can_be_sent_to_is_refused_and_no_secret_shown(tmp_path, table, said):
    (tmp_path / "persistence.toml").write_text(f"[tracing]\n{table}\n")
    with pytest.raises(InvalidConfiguration) as found:
        load_settings(tmp_path / "persistence.toml", environ={})
    assert said in found.value.detail
    assert "SECRET" not in found.value.detail


def test_the_headers_of_a_collector_are_shown_to_nobody():
    settings = load_settings(environ={"PERSISTENCE__TRACING__HEADERS": "authorization=Bearer SECRET, x-tenant=7"})
    assert settings.tracing.sent_headers == {"authorization": "Bearer SECRET", "x-tenant": "7"}
    assert "SECRET" not in repr(settings) + repr(settings.shown())

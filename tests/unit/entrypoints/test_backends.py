"""From one configuration to the next while the service runs."""

from __future__ import annotations

import pytest

from adapters.memory.backend import MemoryBackend
from adapters.sqlite.backend import SqliteBackend
from adapters.system.clock import SystemClock
from domain.errors import BackendUnavailable, InvalidConfiguration, PersistenceError, StartFailure
from domain.model.built_in import BUILT_IN
from domain.model.files import FILES
from domain.model.logs import LOGS
from domain.model.observations import ConfigurationReloaded, ReloadRefused
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS
from entrypoints.backends import Backends
from entrypoints.settings import load_settings
from persistence_contract.records import record

ONE = """
[backends.main]
type = "sqlite"
"""
TWO = """
[backends.main]
type = "sqlite"
[backends.trial]
type = "memory"
[collections.translation_tasks]
backend = "trial"
"""


class Service:
    """Open backends over a file that changes."""

    def __init__(self, file) -> None:
        self.file = file
        self.seen = []
        self.write(ONE)
        self.backends = Backends(self.load(), BUILT_IN, self.seen.append, SystemClock())
        self.backends.reread = self.load

    def load(self):
        return load_settings(self.file, environ={}, flags={"data_dir": str(self.file.parent)})

    def write(self, text: str) -> None:
        self.file.write_text(text)


@pytest.fixture
async def service(tmp_path):
    service = Service(tmp_path / "persistence.toml")
    await service.backends.open()
    yield service
    await service.backends.close()


async def test_a_new_backend_is_opened_and_routed_to_and_the_old_one_stays_as_it_is(service):
    main = service.backends.adapters["main"]
    service.write(TWO)
    outcome = await service.backends.reload()

    assert (outcome.generation, outcome.opened, outcome.closed, outcome.needs_restart) == (2, ("trial",), (), ())
    others = dict.fromkeys((SESSIONS.name, FILES.name, USERS.name, LOGS.name), "main")
    assert outcome.routes == {TASKS.name: "trial", **others}
    assert service.backends.adapters["main"] is main
    await service.backends.registry.backend(TASKS).write(TASKS, [record("a")])
    assert await main.read(TASKS, "a") is None


async def test_a_backend_that_is_gone_is_closed_and_one_that_changed_is_replaced(service, tmp_path):
    service.write(TWO)
    await service.backends.reload()
    trial, main = service.backends.adapters["trial"], service.backends.adapters["main"]
    assert (type(trial), type(main)) == (MemoryBackend, SqliteBackend)
    service.write(ONE + f'path = "{tmp_path}/other.db"\n')
    outcome = await service.backends.reload()

    assert (outcome.opened, outcome.closed) == (("main",), ("main", "trial"))
    assert (await service.backends.adapters["main"].health_check()).healthy
    assert not (await main.health_check()).healthy


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[backends.main", "is not TOML"),
        (TWO.replace('"memory"', '"acme"'), "backends.trial.type: 'acme' is not installed here"),
        (TWO.replace('backend = "trial"', 'backend = "nowhere"'), r"there is no \[backends.nowhere\]"),
        (TWO.replace('type = "memory"', 'type = "sqlite"\npath = "/proc/none/x.db"'), "Backend trial: The database"),
        (ONE + "colour = 3\n", "backends.main.colour: there is no such setting"),
    ],
)
async def test_a_bad_configuration_changes_nothing_and_says_why(service, text, sentence):
    before = dict(service.backends.adapters)
    service.write(text)
    with pytest.raises(PersistenceError, match=sentence) as caught:
        await service.backends.reload()

    assert (dict(service.backends.adapters), service.backends.registry.generation) == (before, 1)
    assert (await before["main"].health_check()).healthy
    assert service.seen[-1] == ReloadRefused(error=caught.value.code, detail=caught.value.detail)
    service.write(ONE)
    await service.backends.reload()


async def test_what_only_a_restart_heeds_is_named_and_the_rest_is_heeded(service):
    service.write("[server]\nport = 9090\n[buffer]\nlinger_seconds = 0.2\n" + TWO + 'on_failure = "discard"\n')
    outcome = await service.backends.reload()

    fixed = ("server.port", "buffer.linger_seconds", "collections.translation_tasks.on_failure")
    assert (outcome.opened, set(outcome.needs_restart)) == (("trial",), set(fixed))
    assert isinstance(service.seen[-1], ConfigurationReloaded)
    assert set((await service.backends.reload()).needs_restart) == set(fixed)  # they are not heeded yet
    service.write(ONE)
    assert (await service.backends.reload()).needs_restart == ()


async def test_a_configuration_that_is_gone_is_an_error_with_its_name(service):
    service.file.unlink()
    with pytest.raises(InvalidConfiguration, match=r"There is no configuration file"):
        await service.backends.reload()


BIG = '\n[backends.big]\ntype = "sqlite"\npath = "{data_dir}/big.db"\n'
ROUTED = BIG + '[collections.translation_tasks]\nbackend = "big"\n'


async def test_what_is_prepared_is_taken_up_by_the_reload_and_stays_open(service):
    service.write(ONE + BIG)
    async with service.backends.prepared(TASKS.name, "big"):
        assert service.backends.registry.routes[TASKS.name] == "main"
        _, big = service.backends._ready["big"]
        assert (await big.health_check()).healthy
        service.write(ONE + ROUTED)
        assert (await service.backends.reload()).opened == ("big",)
        assert service.backends.adapters["big"] is big
    await service.backends.registry.backend(TASKS).write(TASKS, [record("a")])
    assert await big.read(TASKS, "a") == record("a")


async def test_what_is_prepared_and_not_taken_up_is_closed(service):
    service.write(ONE + BIG)
    async with service.backends.prepared(TASKS.name, "big"):
        _, big = service.backends._ready["big"]
        service.write(TWO.replace('"memory"', '"sqlite"\npath = "/proc/none/x.db"'))
        with pytest.raises(PersistenceError, match="Backend trial"):
            await service.backends.reload()
        assert (await big.health_check()).healthy
        service.write(ONE + ROUTED.replace("big.db", "other.db"))
        await service.backends.reload()
        assert service.backends.adapters["big"] is not big
    assert not (await big.health_check()).healthy
    assert all([(await adapter.health_check()).healthy for adapter in service.backends.adapters.values()])


async def test_one_backend_is_prepared_at_a_time_and_a_second_one_is_opened_by_its_reload(service):
    service.write(ONE + BIG)
    async with service.backends.prepared(TASKS.name, "big"):
        ready = dict(service.backends._ready)
        async with service.backends.prepared(SESSIONS.name, "big"):
            assert service.backends._ready == ready
        assert (await ready["big"][1].health_check()).healthy


@pytest.mark.parametrize(("name", "sentence"), [("nowhere", "There is no"), ("big", "Backend big: The database")])
async def test_what_cannot_be_prepared_is_said_and_nothing_stays(service, name, sentence):
    service.write(ONE + BIG.replace("{data_dir}", "/proc/none"))
    with pytest.raises(PersistenceError, match=sentence):
        async with service.backends.prepared(TASKS.name, name):
            pass
    assert service.backends._ready == {}
    assert (await service.backends.reload()).routes[TASKS.name] == "main"


async def test_what_is_prepared_ends_with_the_service(tmp_path):
    service = Service(tmp_path / "persistence.toml")
    service.write(ONE + BIG)
    await service.backends.open()
    async with service.backends.prepared(TASKS.name, "big"):
        _, big = service.backends._ready["big"]
        await service.backends.close()
        assert not (await big.health_check()).healthy


NOWHERE = """
[backends.main]
type = "mysql"
dsn = "mysql://u@127.0.0.1:1/d"
"""


async def test_a_server_that_does_not_answer_keeps_nothing_from_starting(tmp_path):
    service = Service(tmp_path / "persistence.toml")
    service.write(NOWHERE + "[backends.other]\ntype = 'memory'\n[collections.files]\nbackend = 'other'\n")
    backends = Backends(service.load(), BUILT_IN, service.seen.append, SystemClock())
    await backends.open()
    assert [(absent.backend, "cannot be reached: " in absent.detail) for absent in backends.absent] == [("main", True)]
    health = await backends.registry.health()
    assert (health["main"].healthy, health["other"].healthy) == (False, True)
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        await backends.registry.backend(TASKS).read(TASKS, "a")

    backends.reread = service.load
    service.write(ONE)
    assert (await backends.reload()).closed == ("main", "other")
    assert (await backends.registry.health())["main"].healthy
    await backends.close()


async def test_a_wrong_setting_still_ends_the_start(tmp_path):
    service = Service(tmp_path / "persistence.toml")
    service.write(NOWHERE + 'password_file = "/nowhere"\n')
    backends = Backends(service.load(), BUILT_IN, service.seen.append, SystemClock())
    with pytest.raises(StartFailure, match=r"Backend main: The password file /nowhere"):
        await backends.open()
    await backends.close()

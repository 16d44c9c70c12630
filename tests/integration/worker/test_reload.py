"""Backends and routes change while the service runs: who drains changes with them, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from adapters.sqlite.backend_type import SQLITE, SqliteSettings
from domain.model.built_in import BUILT_IN
from domain.model.files import FILES
from domain.model.logs import LOGS
from domain.model.observations import FrameQuarantined, RecordDeadLettered, WorkerEnded, WorkerStarted
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS
from domain.services.lane import Lane
from domain.services.remote_lane import RemoteLane
from entrypoints.lifespan import running
from entrypoints.sections import CollectionSettings, ConfiguredBackend, LogSettings
from entrypoints.settings import Settings
from tests.integration.worker.conftest import BY_WORKER, House, lives, until
from tests.unit.domain.services.house import session, task

pytestmark = pytest.mark.slow

FILE = "persistence.db"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "data")


def routed(house: House, **backends: str) -> Settings:
    """The settings with ``here`` and ``main`` over one file, the first drained in this process."""
    before = house.container.settings()
    tables = {**before.backends, "here": ConfiguredBackend("sqlite", SQLITE, SqliteSettings())}
    collections: Mapping[str, CollectionSettings] = {
        collection.name: CollectionSettings(backend=backends.get(collection.noun, "main")) for collection in BUILT_IN
    }
    return msgspec.structs.replace(before, backends=tables, collections=dict(collections))


async def reload(house: House, settings: Settings) -> None:
    house.container.backends().reread = lambda: settings
    await house.container.backends().reload()


def drains(house: House) -> dict[str, type]:
    return {name: type(lane) for (name, _), lane in house.container.flush()._lanes.items()}


async def test_a_collection_wanders_between_this_process_and_the_worker_under_load(house: House) -> None:
    async with running(house.container):
        first = await house.pid()
        posted, stop = 0, asyncio.Event()

        async def write() -> None:
            nonlocal posted
            while not stop.is_set():
                await house.post(*(task(f"t{posted + i}") for i in range(40)))
                posted += 40
                await asyncio.sleep(0.004)

        writing = asyncio.create_task(write())
        for to in ("here", "main", "here", "main"):
            await asyncio.sleep(0.4)
            await reload(house, routed(house, task=to))
            assert drains(house) == {
                SESSIONS.name: RemoteLane,
                TASKS.name: Lane if to == "here" else RemoteLane,
                FILES.name: RemoteLane,
                USERS.name: RemoteLane,
                LOGS.name: RemoteLane,
            }
            await house.flush()
        stop.set()
        await writing
        await house.post(session("s1"), collection=SESSIONS)
        await house.flush()
        assert (house.stored(), house.stored("translation_sessions")) == (posted, 1)
        assert house.container.buffer()._lanes[TASKS.name].view.weight == 0
        assert not lives(first)
    assert not house.observed(RecordDeadLettered) + house.observed(FrameQuarantined) + house.observed(WorkerEnded)


async def test_who_waits_during_a_change_is_served_by_the_new_drain(house: House) -> None:
    async with running(house.container):
        house.container.gate().close(TASKS.name)
        await house.post(task("a"))
        waiting = asyncio.create_task(house.flush())
        await asyncio.sleep(0.1)
        await reload(house, routed(house, task="here", session="here", file="here"))
        assert house.container.flush().states()[TASKS.name].last_error is None
        house.container.gate().open(TASKS.name)
        await waiting
    assert house.stored() == 1


async def test_the_last_worker_ends_when_nothing_is_left_for_it(house: House) -> None:
    async with running(house.container):
        pid = await house.pid()
        await reload(house, routed(house, task="here", session="here", file="here"))
        assert not lives(pid)
        await house.post(task("a"))
        await house.flush()
    assert house.stored() == 1


async def test_a_change_that_does_not_concern_the_worker_leaves_it_alone(house: House) -> None:
    async with running(house.container):
        pid = await house.pid()
        settings = house.container.settings()
        await reload(house, msgspec.structs.replace(settings, log=LogSettings(level="debug")))
        assert (lives(pid), len(house.observed(WorkerStarted))) == (True, 1)


async def test_a_worker_gets_the_new_settings_of_its_backend(house: House, tmp_path: Path) -> None:
    async with running(house.container):
        first = await house.pid()
        moved = ConfiguredBackend("sqlite", BY_WORKER, SqliteSettings(path=str(tmp_path / "elsewhere.db")))
        settings = house.container.settings()
        await reload(house, msgspec.structs.replace(settings, backends={**settings.backends, "main": moved}))
        await house.post(task("a"))
        await house.flush()
        assert not lives(first)
        assert (await house.container.query().get(TASKS, "a")).key == "a"
    house.database = tmp_path / "elsewhere.db"
    assert house.stored() == 1


async def test_a_reload_while_the_service_stops_starts_nothing_again(house: House) -> None:
    async with running(house.container):
        await house.pid()
        await house.container.flush().stop(0)
        await reload(house, routed(house, task="here"))
        await house.post(task("a"))
        await asyncio.sleep(0.2)
        assert house.stored() == 0
        house.container.stop().hurry.set()


async def test_changes_that_follow_each_other_at_once_leave_time_to_drain(house: House) -> None:
    """Each waits for its worker, and the former one drains until then."""
    async with running(house.container):
        await house.pid()
        settings = house.container.settings()
        await house.post(task("a"))
        waiting = asyncio.create_task(house.flush())
        for number in range(4):
            same_file = ConfiguredBackend(
                "sqlite", BY_WORKER, SqliteSettings(path="{data_dir}/" + "./" * number + FILE)
            )
            await reload(house, msgspec.structs.replace(settings, backends={**settings.backends, "main": same_file}))
        assert waiting.done()
        await waiting
    assert house.stored() == 1
    assert len(house.observed(WorkerStarted)) == 4
    assert house.observed(WorkerEnded) == []


async def test_a_prepared_worker_takes_over_at_the_end_of_a_hold(house: House) -> None:
    """It runs beside the one that drains, and no third one is started."""
    holds, backends = house.container.holds(), house.container.backends()
    async with running(house.container):
        former = await house.pid()
        other = ConfiguredBackend("sqlite", BY_WORKER, SqliteSettings(path="{data_dir}/other.db"))
        settings = house.container.settings()
        settings = msgspec.structs.replace(settings, backends={**settings.backends, "other": other})
        backends.reread = lambda: settings
        await holds.prepare(TASKS, "other", 60)
        prepared = await house.pid(2)
        await house.post(task("a"))
        await house.flush()
        assert (lives(former), lives(prepared), house.stored()) == (True, True, 1)

        name = await holds.hold(TASKS, 60)
        await house.post(task("b"))
        backends.reread = lambda: settings.routed(TASKS.name, "other")
        await holds.release(TASKS, name)
        await house.flush()
        assert (lives(former), lives(prepared)) == (False, True)
        assert (house.stored(), len(house.observed(WorkerStarted))) == (1, 2)
    house.database = house.database.with_name("other.db")
    assert house.stored() == 1
    assert not lives(prepared)
    assert house.observed(WorkerEnded) == []


@pytest.mark.parametrize("by", ["time", "service"])
async def test_a_prepared_worker_that_nobody_takes_ends(house: House, by: str) -> None:
    async with running(house.container):
        former = await house.pid()
        other = ConfiguredBackend("sqlite", BY_WORKER, SqliteSettings(path="{data_dir}/other.db"))
        settings = house.container.settings()
        settings = msgspec.structs.replace(settings, backends={**settings.backends, "other": other})
        house.container.backends().reread = lambda: settings
        await house.container.holds().prepare(TASKS, "other", 0.01 if by == "time" else 60)
        prepared = await house.pid(2)
        if by == "time":
            await until(lambda: not lives(prepared))
        assert lives(former)
    await until(lambda: not lives(prepared))
    assert house.observed(WorkerEnded) == []

"""A backend that could not be opened at the start: whoever needs it opens it, and what it says in the meantime."""

from __future__ import annotations

import asyncio

import pytest

from adapters.memory.backend import MemoryBackend
from adapters.system.clock import SystemClock
from domain.errors import BackendUnavailable, SchemaMismatch, StartFailure
from domain.model.built_in import BUILT_IN
from domain.model.observations import CollectionPaused, FlushRecovered
from domain.model.query import EVERYTHING
from domain.model.translation import TASKS
from domain.services import pace
from domain.services.opening import LateOpening
from domain.services.registry import NamedBackend, StorageBackendRegistry
from persistence_contract.records import record
from ports.abilities import Scanning
from tests.unit.domain.services.house import FaultyBackend, House, task


class Tardy(MemoryBackend):
    """Opens when nothing is in its way any more; counts how often that was tried."""

    def __init__(self) -> None:
        super().__init__()
        self.obstacle: Exception | None = BackendUnavailable("refused")
        self.go = asyncio.Event()
        self.go.set()
        self.tries = 0

    async def open(self) -> None:
        self.tries += 1
        await self.go.wait()
        if self.obstacle is not None:
            raise self.obstacle


@pytest.fixture
def tardy():
    return Tardy()


@pytest.fixture
def late(tardy):
    return LateOpening(tardy)


@pytest.fixture
def registry(tardy, late):
    routes = {collection.name: "main" for collection in BUILT_IN}
    registry = StorageBackendRegistry(
        [NamedBackend("main", "memory", tardy)], routes, BUILT_IN, lambda _: None, SystemClock()
    )
    registry.postpone("main", late.opened)
    return registry


async def test_it_is_tried_at_each_need_until_it_is_open_and_never_again(tardy, late):
    for tries in (1, 2):
        with pytest.raises(BackendUnavailable, match="refused"):
            await late.opened()
        assert tardy.tries == tries
    tardy.obstacle = None
    await late.opened()
    await late.opened()
    assert tardy.tries == 3


async def test_all_who_need_it_share_an_attempt_that_outlives_who_gives_up(tardy, late):
    tardy.go.clear()
    tardy.obstacle = None
    impatient, patient = asyncio.create_task(late.opened()), asyncio.create_task(late.opened())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    tardy.go.set()
    await patient
    assert tardy.tries == 1


async def test_an_attempt_ends_with_the_service(tardy, late):
    await late.close()
    tardy.go.clear()
    waiting = asyncio.create_task(late.opened())
    await asyncio.sleep(0)
    await late.close()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)


async def test_until_it_is_open_it_is_sick_and_every_call_says_why(registry, tardy):
    health = (await registry.health())["main"]
    assert (health.healthy, health.detail) == (False, "refused")
    with pytest.raises(BackendUnavailable, match="refused"):
        await registry.backend(TASKS).read(TASKS, "a")
    with pytest.raises(BackendUnavailable, match="refused"):
        await anext(registry.ability(TASKS, Scanning).scan(TASKS, EVERYTHING))

    tardy.obstacle = None
    assert (await registry.health())["main"].healthy
    assert await registry.backend(TASKS).read(TASKS, "a") is None
    await registry.backend(TASKS).write(TASKS, [record("a")])
    assert [found async for found in registry.ability(TASKS, Scanning).scan(TASKS, EVERYTHING)] == [(record("a"),)]


async def test_what_must_be_mended_first_is_said_and_tried_again(registry, tardy):
    tardy.obstacle = StartFailure("lacks 3 of 3 migrations")
    with pytest.raises(SchemaMismatch, match="lacks 3"):
        await registry.backend(TASKS).write(TASKS, [record("a")])
    assert (await registry.health())["main"].detail == "lacks 3 of 3 migrations"
    tardy.obstacle = None
    await registry.backend(TASKS).write(TASKS, [record("a")])


@pytest.fixture
async def house(tardy, late, monkeypatch):
    monkeypatch.setattr("domain.services.breaker.PROBE_SECONDS", 0.005)
    monkeypatch.setattr(pace, "_STRUCTURAL_PAUSE", 0.01)
    house = House(FaultyBackend(tardy))
    house.registry.postpone("default", late.opened)
    async with house.running():
        yield house


async def test_records_are_taken_meanwhile_and_stored_as_soon_as_it_opens(house, tardy):
    await house.post(task("a"))
    async with asyncio.timeout(30):
        while not house.registry.breaker(TASKS).is_open:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert house.flush.states()[TASKS.name].last_error == "refused"
    await house.post(task("b"))
    tardy.obstacle = None
    await house.flush.flush(house.collections, 30)
    assert await tardy.read(TASKS, "a") is not None
    assert await tardy.read(TASKS, "b") is not None


async def test_an_open_breaker_lets_the_write_through_that_says_what_must_be_mended(house, tardy):
    await house.post(task("a"))
    async with asyncio.timeout(30):
        while not house.registry.breaker(TASKS).is_open:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        tardy.obstacle = StartFailure("lacks 3 of 3 migrations")
        while not house.observed(CollectionPaused):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert house.observed(CollectionPaused)[0].detail == "lacks 3 of 3 migrations"
    tardy.obstacle = None
    await house.flush.flush(house.collections, 30)
    assert len(house.observed(FlushRecovered)) == 1


async def test_a_probe_does_not_wait_for_a_server_that_says_nothing(registry, tardy, monkeypatch):
    monkeypatch.setattr("domain.services.registry._OPENING_SECONDS", 0.01)
    tardy.go.clear()
    health = (await asyncio.wait_for(registry.health(), 30))["main"]
    assert (health.healthy, "away at the start" in health.detail) == (False, True)
    tardy.obstacle = None
    tardy.go.set()
    await registry.backend(TASKS).read(TASKS, "a")
    assert (await registry.health())["main"].healthy
    assert tardy.tries == 1

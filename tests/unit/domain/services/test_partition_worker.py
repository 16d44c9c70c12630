"""A worker among others: takes its share, drains under leases, gives back, and tells how it fares."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import msgspec
import pytest

from adapters.memory.backend import MemoryBackend
from domain.errors import BackendUnavailable, JournalUnreachable
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.model.lanes import LaneState
from domain.model.observations import PartitionLost, PartitionTaken
from domain.model.translation import SESSIONS, TASKS
from domain.services import draining
from domain.services.gate import Gate
from domain.services.lane import Lane
from domain.services.partition_worker import DrainedPartition, PartitionWorker
from tests.unit.domain.services.house import FaultyBackend, House, session, task

SECONDS = 30.0  # far above what anything here takes; only a hang comes near


class Leases:
    """Leases as a test hands them out."""

    def __init__(self) -> None:
        self.workers = 1
        self.held: set[str] = set()
        self.refused: set[str] = set()  # another worker has them
        self.told: dict[str, LaneState] = {}
        self.away = False
        self.enlisted = False
        self.wanted = -1

    def _reached(self) -> None:
        if self.away:
            raise JournalUnreachable("No answer.")

    async def enlist(self) -> int:
        self._reached()
        self.enlisted = True
        return self.workers

    async def leave(self) -> None:
        self._reached()
        self.enlisted = False

    async def take(self, lane: str, partition: int) -> bool:
        self._reached()
        if lane in self.refused:
            return False
        self.held.add(lane)
        return True

    async def renew(self, lane: str, partition: int, state: LaneState) -> int | None:
        self._reached()
        self.told[lane] = state
        if lane in self.refused:
            self.held.discard(lane)
            return None
        return self.wanted

    async def release(self, lane: str, partition: int) -> None:
        self._reached()
        self.held.discard(lane)


def behind_a_gate(house: House, lane: Lane) -> DrainedPartition:
    """A lane like this one that reads the log through a gate of its own."""
    gate = Gate(house.write_buffer, [lane.collection.name])
    parts = msgspec.structs.replace(lane._parts, buffer=gate)
    return DrainedPartition(Lane(lane.collection, lane._schema, parts), gate)


class Works:
    """A worker over the log of a house, and the event that ends it."""

    def __init__(self, house: House, *, lease_seconds: float = 0.06, finish_seconds: float = SECONDS) -> None:
        self.house = house
        self.leases = Leases()
        self.stopping = asyncio.Event()
        self.partitions = [behind_a_gate(house, lane) for lane in house.flush._lanes.values()]
        self.worker = PartitionWorker(
            self.partitions,
            house.write_buffer,
            self.leases,
            house.seen.append,
            house.clock,
            lease_seconds=lease_seconds,
            finish_seconds=finish_seconds,
        )

    async def __aenter__(self) -> Works:
        self._running = asyncio.create_task(self.worker.run(self.stopping))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stopping.set()
        async with asyncio.timeout(SECONDS):
            await self._running


@pytest.fixture
async def house(monkeypatch):
    monkeypatch.setattr(draining, "AGAIN_SECONDS", 0.01)
    house = House(FaultyBackend(MemoryBackend()))
    async with house.running(draining=False):
        yield house


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110  (what is waited for tells nobody)
            await asyncio.sleep(0.005)


async def stored(house: House, key: str, collection: Collection = TASKS) -> None:
    async with asyncio.timeout(SECONDS):
        while await house.backend.inner.read(collection, key) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


NAMES = {collection.name for collection in BUILT_IN}


async def test_alone_it_takes_everything_stores_what_waits_and_gives_all_back_at_the_end(house):
    works = Works(house)
    await house.post(task("a"))
    async with works:
        await stored(house, "a")
        await until(lambda: works.worker.held == {name: [0] for name in NAMES})
        assert works.leases.enlisted
    assert (works.leases.held, works.leases.enlisted, works.worker.held) == (set(), False, {})
    assert len(house.observed(PartitionTaken)) == len(NAMES)
    assert house.observed(PartitionLost) == []


async def test_it_takes_its_share_and_gives_back_what_exceeds_it(house):
    works = Works(house)
    works.leases.workers = 2
    async with works:
        await until(lambda: len(works.leases.held) == math.ceil(len(NAMES) / 2))
        works.leases.workers = len(NAMES)
        await until(lambda: len(works.leases.held) == 1)
        works.leases.workers = 1
        await until(lambda: works.leases.held == NAMES)


async def test_what_another_holds_is_taken_when_it_is_free(house):
    works = Works(house)
    works.leases.refused = {TASKS.name}
    await house.post(task("a"))
    async with works:
        await until(lambda: works.leases.held == NAMES - {TASKS.name})
        assert TASKS.name not in works.worker.states()
        works.leases.refused = set()
        await stored(house, "a")


async def test_a_lease_that_is_lost_ends_the_drain_and_is_said(house):
    works = Works(house)
    async with works:
        await until(lambda: works.leases.held == NAMES)
        works.leases.refused = {TASKS.name}
        await until(lambda: house.observed(PartitionLost) and TASKS.name not in works.worker.held)
        await house.post(task("a"))
        await house.post(session("s"), collection=SESSIONS)
        await stored(house, "s", SESSIONS)
        assert await house.backend.inner.read(TASKS, "a") is None
    assert [lost.collection for lost in house.observed(PartitionLost)] == [TASKS.name]


async def test_a_log_that_is_away_for_longer_than_a_lease_ends_the_drains_until_it_is_back(house):
    works = Works(house)
    async with works:
        await until(lambda: works.leases.held == NAMES)
        works.leases.away = True
        await until(lambda: not works.worker.held)
        assert len(house.observed(PartitionLost)) == len(NAMES)
        works.leases.away = False
        await until(lambda: len(works.worker.held) == len(NAMES))
        await house.post(task("a"))
        await stored(house, "a")


async def test_it_tells_what_holds_it_up_a_bug_included(house):
    works = Works(house)

    async def broken(batch):
        raise BackendUnavailable("refused")

    async with works:
        await until(lambda: works.leases.held == NAMES)
        lane = next(each.lane for each in works.partitions if each.name == TASKS.name)
        inner, lane._apply = lane._apply, broken
        await house.post(task("a"))
        await until(lambda: works.worker.states()[TASKS.name].last_error == "refused")
        await until(lambda: works.leases.told[TASKS.name].last_error == "refused")
        lane._apply = inner
        await stored(house, "a")
        await until(lambda: works.worker.states()[TASKS.name].last_error is None)

        learn, lane.trigger.learn = lane.trigger.learn, None  # which no retry can get past
        await house.post(task("b"))
        said = "The drain met a bug: TypeError: 'NoneType' object is not callable"
        await until(lambda: works.worker.states()[TASKS.name].last_error == said)
        await until(lambda: works.leases.told[TASKS.name].last_error == said)
        assert works.worker.states()[SESSIONS.name].last_error is None
        lane.trigger.learn = learn
        await house.post(task("c"))
        await stored(house, "c")
        await until(lambda: works.worker.states()[TASKS.name].last_error is None)


async def test_the_batch_in_hand_is_finished_before_its_lease_is_given_back(house):
    works = Works(house)
    write, begun, go = house.backend.write, asyncio.Event(), asyncio.Event()

    async def slow(*arguments, **options):
        begun.set()
        await go.wait()
        return await write(*arguments, **options)

    house.backend.write = slow
    async with works:
        await house.post(task("a"))
        await begun.wait()
        works.stopping.set()
        await until(lambda: works.leases.held == {TASKS.name})
        await house.post(task("late"))
        go.set()
    assert (await house.write_buffer.depth(TASKS.name)).records == 1
    assert await house.backend.inner.read(TASKS, "a") is not None
    assert await house.backend.inner.read(TASKS, "late") is None
    assert works.leases.held == set()


async def test_a_batch_that_does_not_end_is_left_to_others(house):
    works = Works(house, finish_seconds=0.05)
    begun = asyncio.Event()

    async def stuck(*_, **__):
        begun.set()
        await asyncio.Event().wait()

    house.backend.write = stuck
    async with works:
        await house.post(task("a"))
        await begun.wait()
    assert (await house.write_buffer.depth(TASKS.name)).records == 1
    assert works.leases.held == set()


async def test_a_burst_ends_when_what_was_there_is_stored(house):
    works = Works(house)
    await house.post(task("a"), task("b"))
    async with asyncio.timeout(SECONDS):
        await works.worker.until_drained(works.stopping)
    assert await house.backend.inner.read(TASKS, "b") is not None
    assert works.leases.held == set()


async def test_a_burst_ends_when_it_is_told_to(house):
    works = Works(house)
    works.leases.refused = NAMES
    await house.post(task("a"))
    burst = asyncio.create_task(works.worker.until_drained(works.stopping))
    await until(lambda: works.leases.enlisted)
    works.stopping.set()
    async with asyncio.timeout(SECONDS):
        await burst
    assert await house.backend.inner.read(TASKS, "a") is None

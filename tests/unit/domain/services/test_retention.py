"""What is kept for a while, and goes when it is older."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory.backend import MemoryBackend
from domain.errors import BackendUnavailable, UnexpectedFailure
from domain.model.built_in import BUILT_IN
from domain.model.logs import LOGS
from domain.model.observations import Observation, RecordsExpired, RetentionFailed
from domain.model.query import Query, Sort
from domain.model.records import Record
from domain.model.translation import SESSIONS
from domain.services.ending import ended
from domain.services.registry import NamedBackend, StorageBackendRegistry
from domain.services.retention import PORTION, Retention
from ports.ambient import Observer

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


class HandClock:
    """Time that only the test moves."""

    def __init__(self) -> None:
        self.moment = START

    def now(self):
        return self.moment

    def monotonic(self) -> float:
        return 0.0


class Plain:
    """The universal five alone, in front of a memory."""

    def __init__(self) -> None:
        self.inner = MemoryBackend()
        for name in ("write", "read", "query", "delete", "health_check"):
            setattr(self, name, getattr(self.inner, name))


class Failing(MemoryBackend):
    """One that is away, or has a bug, for some calls."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = [*errors]

    async def expire(self, collection, before, limit):
        if self.errors:
            raise self.errors.pop(0)
        return await super().expire(collection, before, limit)


class House:
    def __init__(self, backend, *, copied: bool = False) -> None:
        self.backend, self.clock, self.copied = backend, HandClock(), copied
        self.observed: list[Observation] = []
        self.registry = StorageBackendRegistry(
            [NamedBackend("main", "memory", backend)],
            {collection.name: "main" for collection in BUILT_IN},
            BUILT_IN,
            lambda _: None,
            self.clock,
        )
        self.retention = self.another()

    def another(self, observer: Observer | None = None, **seconds: float) -> Retention:
        told = observer or self.observed.append
        return Retention(self.registry, {LOGS.name: MONTH}, lambda _: self.copied, told, self.clock, **seconds)

    async def write(self, *days: float, collection=LOGS) -> None:
        """Records that were created so many days ago."""
        await self.backend.write(collection, [self.record(age, n, collection) for n, age in enumerate(days)])

    def record(self, age: float, number: int, collection) -> Record:
        moment = self.clock.moment - timedelta(days=age)
        values = (f"k{number:05}", *(field.default for field in collection.data_fields[1:]))
        return Record(values, moment, moment, 1)

    async def kept(self, collection=LOGS) -> int:
        found = await self.backend.query(collection, Query(sort=(Sort(collection.key),), limit=1))
        return found.total


@pytest.mark.parametrize("backend", [MemoryBackend, Plain])
async def test_what_is_older_than_its_period_goes_as_time_passes(backend):
    house = House(backend())
    await house.write(31, 30, 29, 1)
    await house.write(100, collection=SESSIONS)

    await house.retention.sweep()
    assert (await house.kept(), await house.kept(SESSIONS)) == (3, 1)
    house.clock.moment += timedelta(days=2)
    await house.retention.sweep()
    assert await house.kept() == 1
    await house.retention.sweep()
    assert house.observed == [
        RecordsExpired(collection="logs", records=1, before=(START - MONTH).isoformat()),
        RecordsExpired(collection="logs", records=2, before=(START - MONTH + timedelta(days=2)).isoformat()),
    ]


@pytest.mark.parametrize("backend", [MemoryBackend, Plain])
async def test_many_go_in_portions(backend):
    house = House(backend())
    await house.write(*[40] * (2 * PORTION + 1), 1)
    await house.retention.sweep()
    assert await house.kept() == 1
    assert [seen.records for seen in house.observed] == [2 * PORTION + 1]


async def test_two_instances_at_once_remove_each_record_once():
    house = House(MemoryBackend())
    await house.write(*[40] * 1500, 1)
    await asyncio.gather(house.retention.sweep(), house.another().sweep())
    assert await house.kept() == 1
    assert sum(seen.records for seen in house.observed) == 1500


@pytest.mark.parametrize(
    ("error", "code"),
    [(BackendUnavailable("away"), "backend_unavailable"), (ValueError("bug"), UnexpectedFailure.code)],
)
async def test_a_failure_is_observed_and_the_next_sweep_makes_it_good(error, code):
    house = House(Failing(error))
    await house.write(40)
    await house.retention.sweep()
    assert [(type(seen), seen.error) for seen in house.observed] == [(RetentionFailed, code)]
    await house.retention.sweep()
    assert await house.kept() == 0


async def test_nothing_vanishes_while_somebody_compares_it():
    house = House(MemoryBackend(), copied=True)
    await house.write(40)
    await house.retention.sweep()
    assert (await house.kept(), house.observed) == (1, [])
    house.copied = False
    await house.retention.sweep()
    assert await house.kept() == 0


async def test_it_sweeps_again_and_again():
    house = House(Failing(ValueError("bug")))
    await house.write(40)
    swept = asyncio.Event()

    def observe(seen: Observation) -> None:
        house.observed.append(seen)
        if isinstance(seen, RecordsExpired):
            swept.set()

    running = asyncio.create_task(house.another(observe, first_seconds=0, sweep_seconds=0).run())
    async with asyncio.timeout(60):
        await swept.wait()
    await ended(running)
    assert [type(seen) for seen in house.observed] == [RetentionFailed, RecordsExpired]
    assert await house.kept() == 0

"""What the drain does about each class of errors, before a write was done and after it."""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import suppress

import pytest

from adapters.memory.backend import MemoryBackend
from domain.errors import (
    BackendContended,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    RecordRefused,
    SchemaMismatch,
    StatementTooLarge,
)
from domain.model.frames import FrameKind
from domain.model.observations import CollectionPaused, FlushFailed
from domain.model.translation import TASKS
from domain.services import breaker, lane
from domain.services.buffer import NOBODY
from domain.services.schema import Schemas
from tests.unit.domain.services.house import FaultyBackend, House, task


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(lane, "delay", lambda error, attempt: 0.0)
    monkeypatch.setattr(breaker, "PROBE_SECONDS", 0.0)


@pytest.mark.parametrize("when", ["errors", "after_writing"])
@pytest.mark.parametrize(
    "error",
    [BackendContended, BackendUnavailable, BackendExhausted, SchemaMismatch, StatementTooLarge, BackendError],
)
async def test_no_class_of_errors_but_the_refusal_of_a_record_harms_one(error, when):
    house = House()
    setattr(house.backend, when, [error("as it happens")] * 5)
    async with house.running():
        receipt = (await house.post(*(task(f"t{i}") for i in range(100)))).receipt
        await house.settled()

        assert (await house.receipt_service.status(str(receipt))).exceptions == ()
        assert len(await house.dead_letters.find(limit=10)) == 0
        assert all([await house.backend.read(TASKS, f"t{i}") for i in range(100)])


class Crowded(FaultyBackend):
    """A store whose locks large batches never get."""

    def __init__(self) -> None:
        super().__init__(MemoryBackend())
        self.sizes: list[int] = []

    async def write(self, collection, records, **options):
        self.sizes.append(len(records))
        if len(records) > 250:
            raise BackendContended("deadlock")
        return await super().write(collection, records, **options)


async def test_locks_are_tried_ten_times_and_then_with_half_the_batch():
    house = House(backend=Crowded())
    async with house.running():
        await house.post(*(task(f"t{i:04}") for i in range(1000)))
        await house.settled()
        assert house.backend.sizes == [1000] * 10 + [500] * 10 + [250] * 4

        await house.post(*(task(f"u{i:04}") for i in range(300)))
        await house.settled()
        assert house.backend.sizes[24:34] == [300] * 10  # full size again after a success
    assert len(house.observed(FlushFailed)) > 20


async def test_an_error_that_nobody_knows_pauses_the_collection_and_dead_letters_nothing():
    house = House()
    house.backend.errors = [BackendError("MySQL 1105: Unknown error.")] * 9
    async with house.running():
        await house.post(*(task(f"t{i}") for i in range(10)))
        await house.settled()

    assert [seen.detail for seen in house.observed(CollectionPaused)] == ["MySQL 1105: Unknown error."]
    assert not house.flush.states()[TASKS.name].paused


async def test_an_error_that_nobody_knows_and_one_record_causes_is_the_fault_of_that_record():
    house = House()
    house.backend.poison = {"t7": BackendError("MySQL 1105: Unknown error.")}
    async with house.running():
        receipt = (await house.post(*(task(f"t{i}") for i in range(10)))).receipt
        await house.settled()
        (found,) = (await house.receipt_service.status(str(receipt))).exceptions

    assert (found.key, found.code, found.detail) == ("t7", "backend_error", "MySQL 1105: Unknown error.")
    assert not house.observed(CollectionPaused)


async def test_an_error_that_nobody_knows_holds_a_lone_record_up_until_others_show_whose_fault_it_is():
    house = House()
    house.backend.poison = {"t1": BackendError("MySQL 1105: Unknown error.")}
    async with house.running():
        receipt = (await house.post(task("t1"))).receipt
        async with asyncio.timeout(30):
            while house.backend.tries < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        state = house.flush.states()[TASKS.name]
        assert (state.paused, state.last_error) == (True, "MySQL 1105: Unknown error.")
        assert not await house.dead_letters.find(limit=10)

        await house.post(task("t2"))
        await house.settled()
        (found,) = (await house.receipt_service.status(str(receipt))).exceptions
        assert (found.key, found.code) == ("t1", "backend_error")
        assert not house.flush.states()[TASKS.name].paused
    assert [letter.key for letter in await house.dead_letters.find(limit=10)] == ["t1"]
    assert await house.backend.read(TASKS, "t2") is not None


async def test_a_request_all_of_whose_records_are_refused_waits_for_others_too():
    house = House()
    house.backend.poison = {f"t{i:04}": BackendError("MySQL 1105: Unknown error.") for i in range(800)}
    async with house.running():
        await house.post(*(task(f"t{i:04}") for i in range(800)))
        async with asyncio.timeout(30):
            while not house.observed(CollectionPaused):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await house.post(*(task(f"u{i:04}") for i in range(800)))
        await house.settled()
    assert await house.backend.read(TASKS, "u0799") is not None
    assert len(await house.dead_letters.find(limit=1000)) == 800


@pytest.mark.parametrize("k", [0, 1, 3, 10])
@pytest.mark.parametrize("told", [True, False])
async def test_poison_among_changes_of_distinct_records_costs_no_more_than_elsewhere(k, told):
    """Each frame has one change; they share a batch, and those without a fault are stored with it."""
    n = 1000
    house = House()
    bad = {f"t{i * 97:04}" for i in range(k)}
    schema = Schemas([TASKS]).of(TASKS.name)
    async with house.running(draining=False):
        for i in range(n):
            checked = schema.check(json.dumps([task(f"t{i:04}")]).encode(), house.clock.now())
            await house.buffer.accept_conditional(TASKS, checked, (0,), FrameKind.WRITE, origin=NOBODY)
        tries = house.backend.tries
        inner = house.backend.write_conditional

        async def naming(collection, writes):
            place = next((place for place, write in enumerate(writes) if write.record.key in bad), None)
            if place is not None:
                house.backend.tries += 1
                raise RecordRefused("no", index=place if told else None)
            return await inner(collection, writes)

        house.backend.write_conditional = naming
        await house.flush.start()
        await house.settled()
        letters = await house.dead_letters.find(limit=100)
        stored = [i for i in range(n) if await house.backend.read(TASKS, f"t{i:04}")]

    assert {letter.key for letter in letters} == bad
    assert len(stored) == n - k
    assert house.backend.tries - tries <= (k + 1 if told else 2 * k * math.log2(n) + 1)


class Killed(FaultyBackend):
    """A store amid whose ``nth`` statement the process ends: before it is done, or after."""

    def __init__(self, nth: int, *, done: bool) -> None:
        super().__init__(MemoryBackend())
        self.ended = asyncio.Event()
        self._left, self._done = nth, done

    async def write(self, collection, records, **options):
        self._left -= 1
        if self._left == 0:
            if self._done:
                with suppress(RecordRefused):
                    await super().write(collection, records, **options)
            self.ended.set()
            await asyncio.Event().wait()
        return await super().write(collection, records, **options)


@pytest.mark.parametrize("done", [False, True])
async def test_a_kill_amid_the_isolation_of_poison_makes_no_letter_twice_and_loses_no_neighbour(done):
    keys = [f"t{i:02}" for i in range(16)]
    for nth in range(1, 10):
        house = House(Killed(nth, done=done))
        house.backend.poison = {key: RecordRefused("value too long", index=None) for key in ("t03", "t11")}
        async with house.running():
            await house.post(*(task(key) for key in keys))
            await house.backend.ended.wait()
        house.build()
        async with house.running():
            await house.settled()
            letters = await house.dead_letters.find(limit=100)
            stored = [key for key in keys if await house.backend.read(TASKS, key)]
        assert [letter.key for letter in letters] == ["t03", "t11"]
        assert stored == [key for key in keys if key not in ("t03", "t11")]

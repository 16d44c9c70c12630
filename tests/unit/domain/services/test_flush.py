"""The drain: batches, retries, isolation of poison, and what the receipts say afterwards."""

import asyncio
import itertools
import json
from contextlib import suppress
from datetime import timedelta

import pytest

from adapters.memory.backend import MemoryBackend
from adapters.memory.write_buffer import MemoryWriteBuffer
from domain.errors import (
    BackendContended,
    BackendExhausted,
    BackendUnavailable,
    FlushIncomplete,
    JournalFailed,
    LeaseLost,
    RecordRefused,
    SchemaMismatch,
)
from domain.model.built_in import BUILT_IN
from domain.model.frames import FrameDraft, FrameKind
from domain.model.observations import (
    BatchFlushed,
    CollectionPaused,
    FlushFailed,
    FlushRecovered,
    RecordDeadLettered,
    RecordsDiscarded,
    WritesConflicted,
)
from domain.model.policies import BufferPolicy
from domain.model.records import Verdict
from domain.model.revisions import run
from domain.model.translation import TASKS
from domain.services import draining, pace
from domain.services.buffer import NOBODY
from domain.services.flush import FlushEngine
from domain.services.lane import Lane
from domain.services.pace import SizeTrigger, delay
from domain.services.registry import NamedBackend
from domain.services.schema import Schemas
from tests.unit.domain.services.house import START, FaultyBackend, House, Minimal, task


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(pace, "_STRUCTURAL_PAUSE", 0.01)


async def test_records_arrive_sorted_one_per_key_and_at_most_1000_a_statement():
    house = House()
    async with house.running(draining=False):
        for i in range(0, 2_500, 100):
            await house.post(*(task(f"t{(j * 7919) % 2_400:05}") for j in range(i, i + 100)))
        await house.flush.start()
        await house.settled()

    for keys in house.backend.writes:
        assert list(keys) == sorted(set(keys))
        assert len(keys) <= 1_000
    assert len({key for keys in house.backend.writes for key in keys}) == 2_400


@pytest.mark.parametrize("error", [BackendUnavailable, BackendContended])
async def test_an_outage_is_waited_out_and_harms_no_record(error):
    house = House()
    house.backend.errors = [error() for _ in range(4)]
    async with house.running():
        await house.post(task("a"), task("b"))
        await house.settled()

        assert await house.backend.read(TASKS, "a")
        assert len(await house.dead_letters.find(limit=10)) == 0
        assert [seen.attempt for seen in house.observed(FlushFailed)] == [1, 2, 3, 4]
        assert [seen.attempts for seen in house.observed(FlushRecovered)] == [4]
        assert house.flush.states()[TASKS.name].attempt == 0


async def test_a_write_whose_reply_was_lost_is_repeated_without_effect():
    house = House()
    house.backend.after_writing = [BackendUnavailable()]
    async with house.running():
        receipt = (await house.post(task("a", priority=5))).receipt
        await house.settled()

        assert house.backend.writes == [("a",), ("a",)]
        assert (await house.receipt_service.status(str(receipt))).exceptions == ()


async def test_a_bug_in_a_backend_is_an_outage_with_a_cause_and_not_the_end():
    house = House()
    house.backend.errors = [ZeroDivisionError("whoops")]
    async with house.running():
        await house.post(task("a"))
        await house.settled()

    assert "ZeroDivisionError" in house.observed(FlushFailed)[0].detail


async def test_a_structural_fault_pauses_the_collection_until_it_is_mended():
    house = House()
    house.backend.errors = [SchemaMismatch("no such column: priority")] * 3
    async with house.running():
        await house.post(task("a"))
        await house.settled()

    assert [seen.detail for seen in house.observed(CollectionPaused)] == ["no such column: priority"]
    assert not house.flush.states()[TASKS.name].paused
    assert len(await house.dead_letters.find(limit=10)) == 0


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("bad", [[0], [99], [3, 4, 5], [0, 50, 99], list(range(100))])
async def test_poison_is_isolated_and_its_neighbours_are_stored(told, bad):
    house = House()
    keys = [f"t{i:03}" for i in range(100)]
    house.backend.poison = {keys[i]: RecordRefused("value too long", index=0 if told else None) for i in bad}
    async with house.running():
        receipt = (await house.post(*(task(key) for key in keys))).receipt
        await house.settled()
        status = await house.receipt_service.status(str(receipt))
        letters = await house.dead_letters.find(limit=1000)
        stored = [key for key in keys if await house.backend.read(TASKS, key)]

    assert [letter.key for letter in letters] == [keys[i] for i in bad]
    assert all(b'"Hello"' in letter.record for letter in letters)
    assert stored == [key for i, key in enumerate(keys) if i not in bad]
    assert [(found.key, found.verdict) for found in status.exceptions] == [
        (keys[i], Verdict.DEAD_LETTERED) for i in bad
    ]
    assert len(house.observed(RecordDeadLettered)) == len(bad)
    if told:
        assert house.backend.tries == len(bad) + (len(bad) < 100)


async def test_a_version_superseded_only_by_poison_is_stored():
    house = House()
    house.backend.poison = {}
    refuse = RecordRefused("value too long")
    inner = house.backend.write

    async def picky(collection, records, *, verdicts=False):
        if any(record.values[TASKS.positions["priority"]] == 666 for record in records):
            raise refuse
        return await inner(collection, records, verdicts=verdicts)

    house.backend.write = picky
    async with house.running():
        await house.post(task("a", priority=1), task("b"), task("a", priority=2), task("a", priority=666))
        await house.settled()
        record = await house.backend.read(TASKS, "a")

    assert record.values[TASKS.positions["priority"]] == 2
    assert len(await house.dead_letters.find(limit=10)) == 1


async def test_a_receipt_says_that_a_delete_made_a_later_write_stale():
    house = House()
    async with house.running():
        await house.post(task("a"), task("b"))
        await house.changes.delete(TASKS, "a")
        await house.settled()
        receipt = (await house.post(task("b"), task("a", updated_at="2026-11-24T11:00:00Z"))).receipt
        await house.settled()
        (found,) = (await house.receipt_service.status(str(receipt))).exceptions

        assert (found.key, found.verdict, found.code) == ("a", Verdict.STALE, "outranked_by_delete")
        assert found.sequence == receipt.last
        assert await house.query.visible(TASKS, "a") is None
        assert len(await house.dead_letters.find(limit=10)) == 0


async def test_a_receipt_says_the_same_where_delete_and_write_share_a_batch():
    house = House()
    async with house.running(draining=False):
        before = (await house.post(task("a"))).receipt
        await house.changes.delete(TASKS, "a")
        after = (await house.post(task("a", updated_at="2026-11-24T11:00:00Z"))).receipt
        await house.flush.start()
        await house.settled()

        assert (await house.receipt_service.status(str(before))).exceptions == ()
        (found,) = (await house.receipt_service.status(str(after))).exceptions
        assert (found.verdict, found.code) == (Verdict.STALE, "outranked_by_delete")


async def test_discarding_is_chosen_counted_and_said_in_the_receipt():
    house = House(policy=BufferPolicy(linger_seconds=0.001, on_failure="discard"))
    house.backend.poison = {"a": RecordRefused("no")}
    async with house.running():
        receipt = (await house.post(task("a"), task("b"))).receipt
        await house.settled()
        status = await house.receipt_service.status(str(receipt))

    assert [found.verdict for found in status.exceptions] == [Verdict.DISCARDED]
    assert sum(seen.count for seen in house.observed(RecordsDiscarded)) == 1
    assert len(await house.dead_letters.find(limit=10)) == 0


async def test_a_frame_that_todays_rules_refuse_goes_to_the_dead_letters_record_by_record():
    house = House()
    async with house.running(draining=False):
        await house.post(task("a"), task("b"))
        frame = (await house.write_buffer.read(TASKS.name, 0, 0, max_bytes=1 << 20, wait_seconds=0))[0]
        import msgspec

        from domain.model.frames import FrameDraft

        spoilt = frame.payload.replace(b'"task_id": "a"', b'"task_id": 7')
        draft = FrameDraft(
            accepted_at=frame.accepted_at, first_revision=frame.first_revision + 10, count=2, payload=spoilt
        )
        await house.write_buffer.append(TASKS.name, msgspec.structs.replace(draft, count=2))
        await house.flush.start()
        await house.flush.flush(BUILT_IN, 2)
        (letter,) = await house.dead_letters.find(limit=9)

    assert (letter.sequence, letter.code) == (3, "invalid_record")
    assert b'"task_id": 7' in letter.record
    assert await house.backend.read(TASKS, "b")


async def test_flush_names_what_stays_when_the_backend_is_down():
    house = House()
    house.backend.errors = [BackendUnavailable("connection refused")] * 1000
    async with house.running():
        await house.post(task("a"), task("b"))
        with pytest.raises(FlushIncomplete, match=r"2 records of translation_tasks \(connection refused\)"):
            await house.flush.flush(BUILT_IN, 0.2)


async def test_stop_flushes_what_the_budget_allows_and_counts_the_rest():
    house = House(policy=BufferPolicy(linger_seconds=30))
    async with house.running():
        await house.post(task("a"))
        assert await house.flush.stop(2) == 0
        assert await house.backend.read(TASKS, "a")
        await house.post(task("b"), task("c"))
        assert await house.flush.stop(0) == 2


async def test_a_long_linger_still_yields_to_the_size_trigger():
    house = House(policy=BufferPolicy(linger_seconds=30, batch_records=500))
    async with house.running():
        await house.post(*(task(f"t{i}") for i in range(499)))
        await asyncio.sleep(0.1)
        assert not house.backend.writes
        await house.post(task("last"))
        async with asyncio.timeout(5):
            await house.backend.written.wait()

    assert house.observed(BatchFlushed)[0].trigger == "size"


async def test_a_record_that_has_waited_long_enough_does_not_linger_again():
    house = House(policy=BufferPolicy(linger_seconds=30, max_age_seconds=30))
    async with house.running(draining=False):
        await house.post(task("a"))
        house.clock.moment += timedelta(seconds=31)
        await house.flush.start()
        async with asyncio.timeout(5):
            await house.backend.written.wait()

    assert house.observed(BatchFlushed)[0].trigger == "age"


def test_the_size_trigger_shrinks_grows_and_stays_in_bounds():
    trigger = SizeTrigger(BufferPolicy())
    for _ in range(100):
        trigger.learn(0.1)
    assert trigger.records == 5000
    for _ in range(100):
        trigger.learn(9.0)
    assert trigger.records == 500
    settled = trigger.records
    for _ in range(100):
        trigger.learn(1.0)
    assert trigger.records >= settled


def test_delays_grow_with_the_attempt_and_stay_under_their_cap():
    for attempt in range(60):
        assert 0 < delay(BackendUnavailable(), attempt) <= 5.05
        assert 0 < delay(BackendContended(), attempt) <= 0.2
        assert 5 <= delay(BackendExhausted(), attempt) <= 65


class ReadAhead:
    """A pending log that knows how many payload bytes its reader holds beyond the watermark."""

    def __init__(self, inner: MemoryWriteBuffer) -> None:
        self.inner = inner
        self.held: dict[int, int] = {}
        self.most = 0

    async def read(self, lane, partition, after, **options):
        frames = await self.inner.read(lane, partition, after, **options)
        self.held |= {frame.last: len(frame.payload) for frame in frames}
        self.most = max(self.most, sum(self.held.values()))
        return frames

    async def commit(self, lane, partition, reader, through):
        await self.inner.commit(lane, partition, reader, through)
        self.held = {last: size for last, size in self.held.items() if last > through}

    def __getattr__(self, name):
        return getattr(self.inner, name)


async def test_a_backlog_of_large_and_conditional_frames_is_read_piece_by_piece():
    size = len(json.dumps([task("t0", source_text="x" * 1000)]))
    log = ReadAhead(MemoryWriteBuffer([c.name for c in BUILT_IN]))
    house = House(policy=BufferPolicy(linger_seconds=0, batch_bytes=5 * size), write_buffer=log)
    schema = Schemas(BUILT_IN).of(TASKS.name)
    async with house.running(draining=False):
        for i in range(60):
            body = task(f"t{i}", source_text="x" * 1000)
            if i % 2:
                checked = schema.check(json.dumps([body]).encode(), house.clock.now())
                await house.buffer.accept_conditional(TASKS, checked, (0,), FrameKind.WRITE, origin=NOBODY)
            else:
                await house.post(body)
        await house.flush.start()
        await house.flush.flush(BUILT_IN, 10)

        assert log.most <= 7 * size
        assert await house.backend.read(TASKS, "t59")


async def test_a_conflict_is_told_of_and_not_counted_as_stored():
    house = House()
    schema = Schemas(BUILT_IN).of(TASKS.name)
    async with house.running():
        await house.post(task("a"))
        await house.flush.flush(BUILT_IN, 5)
        checked = schema.check(json.dumps([task("a"), task("b")]).encode(), house.clock.now())
        await house.buffer.accept_conditional(TASKS, checked, (7, 0), FrameKind.WRITE, origin=NOBODY)
        await house.flush.flush(BUILT_IN, 5)

    assert house.observed(BatchFlushed)[-1].statuses == (("pending", 1),)
    assert [seen.count for seen in house.observed(WritesConflicted)] == [1]


async def test_a_whole_frame_that_todays_rules_refuse_is_taken_apart_in_order():
    house = House()
    count = 3000
    payload = json.dumps([{"task_id": f"t{i}", "gone": 1} for i in range(count)]).encode()
    draft = FrameDraft(accepted_at=house.clock.now(), first_revision=1 << 40, count=count, payload=payload)
    await house.write_buffer.append(TASKS.name, draft)
    async with house.running():
        await house.flush.flush(BUILT_IN, 20)
        letters = await house.dead_letters.find(limit=count + 1)

    assert [letter.key for letter in letters] == [f"t{i}" for i in range(count)]
    assert [letter.revision for letter in letters] == run(1 << 40, count)
    assert json.loads(letters[7].record) == {"task_id": "t7", "gone": 1}


async def test_an_outage_is_not_taken_for_a_slow_backend():
    house = House()
    passed = 0.0

    class Outage(BackendUnavailable):
        def __init__(self) -> None:
            nonlocal passed
            super().__init__("away")
            passed += 100.0

    class Backend(FaultyBackend):
        async def write(self, *args, **options):
            if self.tries < 3:
                self.tries += 1
                raise Outage
            return await super().write(*args, **options)

    house.backend = Backend(MemoryBackend())
    house.clock.monotonic = lambda: passed
    house.build()
    async with house.running():
        await house.post(task("a"))
        await house.flush.flush(BUILT_IN, 10)

    assert passed == 300
    assert house.observed(BatchFlushed)[0].seconds == 0
    assert house.flush.states()[TASKS.name].batch_records == 1000  # frozen


async def test_who_waits_goes_on_waiting_when_another_drain_takes_over():
    house = House(policy=BufferPolicy(linger_seconds=0.001))
    house.backend.errors = [BackendUnavailable("away")] * 1000
    async with house.running():
        await house.post(task("a"), task("b"))
        waiting = asyncio.create_task(house.flush.flush(BUILT_IN, 10))
        await asyncio.sleep(0.05)
        former = house.flush._lanes
        house.backend.errors = []
        parts = former[TASKS.name, 0]._parts
        lanes = [Lane(c, Schemas(BUILT_IN).of(c.name), parts) for c in BUILT_IN]
        await house.flush.turn_to(lanes)
        await waiting
        assert [house.flush._lanes[lane.collection.name, 0] for lane in lanes] == lanes
        assert await house.backend.read(TASKS, "b")


async def test_a_drain_that_stays_is_left_alone_and_one_that_is_stopped_is_not_started():
    house = House()
    async with house.running():
        tasks = dict(house.flush._tasks)
        await house.flush.turn_to(list(house.flush._lanes.values()))
        assert house.flush._tasks == tasks
        await house.flush.stop(0)
        parts = house.flush._lanes[TASKS.name, 0]._parts
        await house.flush.turn_to([Lane(TASKS, Schemas(BUILT_IN).of(TASKS.name), parts)])
        assert house.flush._tasks == {}


async def test_all_former_drains_have_ended_before_the_first_new_one_begins():
    """Two that read one log at a time would each take what the other has freed for damage."""
    steps = []

    class Noted:
        partition = 0

        def __init__(self, collection, name):
            self.collection, self.name = collection, name

        async def drain(self, progress, applied):
            steps.append(f"{self.name} begins")
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                steps.append(f"{self.name} ends")

    house = House()
    engine = FlushEngine([Noted(c, "former") for c in BUILT_IN], house.write_buffer, house.buffer, house.seen.append)
    async with house.running(draining=False):
        await engine.start()
        await asyncio.sleep(0.01)
        await engine.turn_to([Noted(c, "new") for c in BUILT_IN])
        await asyncio.sleep(0.01)
        await engine.stop(0)
    each = len(BUILT_IN)
    assert steps == [s for s in ("former begins", "former ends", "new begins", "new ends") for _ in range(each)]


@pytest.mark.parametrize("held", [True, False])
async def test_a_hold_that_ended_before_the_deadline_has_cost_nobody_time(held):
    class Holding:
        """A hold that is over when the first deadline is met; what waited is applied a little later."""

        async def reopened(self, lane):
            asyncio.get_running_loop().call_later(0.01, house.flush._progress[lane, 0].reached, 1)

        def reopenings(self, lane):
            return next(counted)

    counted = itertools.count(1) if held else itertools.repeat(1)
    house = House()
    async with house.running(draining=False):
        house.flush._holding = Holding()
        assert await house.flush.wait_applied(TASKS, [1], 0.05) is held


async def test_a_batch_broken_off_behind_its_watermark_is_not_taken_for_damage():
    """The next drain begins where the log is, not where the former one believed to be."""

    class Slow(MemoryWriteBuffer):
        async def commit(self, lane, partition, reader, through):
            await super().commit(lane, partition, reader, through)
            await asyncio.sleep(3600 if through == 2 else 0)

    house = House(write_buffer=Slow([c.name for c in BUILT_IN]))
    async with house.running():
        await house.post(task("a"), task("b"))
        await house.backend.written.wait()
        await asyncio.sleep(0.01)
        parts = house.flush._lanes[TASKS.name, 0]._parts
        await house.flush.turn_to([Lane(TASKS, Schemas(BUILT_IN).of(TASKS.name), parts)])
        await house.post(task("c"))
        await house.flush.flush(BUILT_IN, 5)
        assert len(await house.dead_letters.find(limit=10)) == 0
        assert house.buffer._lanes[TASKS.name].view.weight == 0


async def test_nothing_drains_any_more_behind_a_stop_that_cannot_read_the_log():
    class Log(MemoryWriteBuffer):
        broken = False

        async def depth(self, *args, **options):
            if self.broken:
                raise JournalFailed("Input/output error")
            return await super().depth(*args, **options)

    log = Log([c.name for c in BUILT_IN])
    house = House(write_buffer=log)
    async with house.running():
        log.broken = True
        with pytest.raises(JournalFailed):
            await house.flush.stop(1)
        assert house.flush._tasks == {}
        log.broken = False


class OvertakenBuffer(MemoryWriteBuffer):
    """Another worker applies the first record while this one is about to read."""

    overtaken = False

    async def read(self, lane, partition, after, *, max_bytes, wait_seconds):
        if lane == TASKS.name and not self.overtaken:
            self.overtaken = True
            await self.commit(lane, partition, "primary", 1)
        return await super().read(lane, partition, after, max_bytes=max_bytes, wait_seconds=wait_seconds)


async def test_what_another_worker_has_applied_is_not_taken_for_damage():
    house = House(write_buffer=OvertakenBuffer([c.name for c in BUILT_IN]))
    async with house.running(draining=False):
        await house.post(task("t1"))
        await house.post(task("t2"))
        await house.flush.start()
        with pytest.raises(FlushIncomplete):
            await house.flush.flush([TASKS], timeout=0.2)
    assert {seen.error for seen in house.observed(FlushFailed)} == {"lease_lost"}
    assert house.observed(RecordDeadLettered) == []


@pytest.mark.parametrize("damaged", [b"", b"[", b'[{"task_id": "a"', b"[{}, {}]", b"{}"])
async def test_of_a_frame_that_cannot_be_read_its_bytes_are_kept_once(damaged):
    house = House()
    async with house.running(draining=False):
        draft = FrameDraft(accepted_at=house.clock.now(), first_revision=1 << 40, count=1000, payload=damaged)
        await house.write_buffer.append(TASKS.name, draft)
        await house.post(task("b"))
        await house.flush.start()
        await house.flush.flush(BUILT_IN, 5)
        letters = await house.dead_letters.find(limit=2000)
        assert await house.backend.read(TASKS, "b")

    assert [letter.sequence for letter in letters] == list(range(1, 1001))
    assert sum(len(letter.record) for letter in letters) <= len(damaged)


async def test_what_a_late_statement_finds_is_not_told_where_another_worker_has_moved_the_watermark():
    """This one stood still behind its statement: another has stored the batch, and what came after it."""
    house = House()
    schema = Schemas([TASKS]).of(TASKS.name)
    write, commit = house.backend.write_conditional, house.write_buffer.commit
    told = asyncio.Event()

    def written(priority, second):
        record = task("a", priority=priority, updated_at=f"2026-11-24T10:00:0{second}Z")
        return schema.check(json.dumps([record]).encode(), house.clock.now())

    async def late(collection, writes):
        assert await write(collection, writes) == [Verdict.STORED]  # the other worker
        newer = FrameDraft(accepted_at=START, first_revision=1 << 60, count=1, payload=written(9, 2).payload)
        await house.backend.inner.write(collection, schema.records(newer.at(99)))
        await commit(TASKS.name, 0, "primary", (await house.write_buffer.depth(TASKS.name)).head)
        return await write(collection, writes)

    async def refused(*_):
        told.set()
        raise LeaseLost("Another worker drains the partition.")

    async with house.running():
        await house.post(task("a", updated_at="2026-11-24T10:00:00Z"))
        await house.settled()
        base = (await house.backend.read(TASKS, "a")).revision
        house.backend.write_conditional, house.write_buffer.commit = late, refused
        frame = await house.buffer.accept_conditional(TASKS, written(4, 1), (base,), FrameKind.WRITE, origin=NOBODY)
        await told.wait()
        assert await house.receipts.exceptions(TASKS.name, frame.sequence, frame.last) == ()


async def test_a_drain_that_ends_by_a_bug_is_reported_and_begins_again_from_the_watermark(monkeypatch):
    monkeypatch.setattr(draining, "AGAIN_SECONDS", 0.01)
    house = House()
    told = house.buffer.applied
    faults = [RuntimeError("told twice"), None, RuntimeError("told wrong"), RuntimeError("told wrong")]

    def applied(lane, through):
        if through > 0 and lane == TASKS.name and faults and (fault := faults.pop(0)):
            raise fault
        told(lane, through)

    house.buffer.applied = applied
    async with house.running():
        await house.post(task("a"))
        await house.flush.flush(BUILT_IN, 5)
        await house.post(task("b"), task("c"))
        await house.flush.flush(BUILT_IN, 5)
        assert all([await house.backend.read(TASKS, key) for key in "abc"])
        assert house.buffer._lanes[TASKS.name].view.weight == 0
        assert house.flush.states()[TASKS.name].last_error is None
    failed = [seen for seen in house.seen if isinstance(seen, FlushFailed)]
    assert [seen.attempt for seen in failed] == [1, 1, 2]
    assert {seen.error for seen in failed} == {"internal_error"}
    assert failed[0].detail == "The drain met a bug: RuntimeError: told twice"


async def test_a_drain_that_is_broken_off_for_long_says_why():
    house = House()

    def applied(_lane, through):
        if through > 0:
            raise RuntimeError("never")

    house.buffer.applied = applied
    async with house.running():
        await house.post(task("a"))
        with pytest.raises(FlushIncomplete):
            await house.flush.flush(BUILT_IN, 0.3)
        assert house.flush.states()[TASKS.name].last_error == "The drain met a bug: RuntimeError: never"


class Clinging:
    """A drain that needs its time to put things away."""

    partition = 0

    def __init__(self, collection) -> None:
        self.collection = collection
        self.go = asyncio.Event()
        self.ended = False

    async def drain(self, progress, applied):
        try:
            await asyncio.Event().wait()
        finally:
            while not self.go.is_set():
                with suppress(asyncio.CancelledError):
                    await self.go.wait()
            self.ended = True


async def test_who_is_hurried_out_of_a_stop_and_stops_again_waits_until_the_drains_have_ended():
    house = House()
    drain = Clinging(TASKS)
    engine = FlushEngine([drain], house.write_buffer, house.buffer, house.seen.append)
    async with house.running(draining=False):
        await engine.start()
        await asyncio.sleep(0.01)
        patient = asyncio.create_task(engine.stop(30))
        await asyncio.sleep(0.01)
        patient.cancel()
        await asyncio.gather(patient, return_exceptions=True)
        hurried = asyncio.create_task(engine.stop(0))
        await asyncio.sleep(0.01)
        assert not hurried.done()
        drain.go.set()
        assert await hurried == 0
        assert drain.ended


async def test_a_conditional_write_for_a_backend_that_has_none_pauses_its_collection_until_it_is_moved():
    able = FaultyBackend(MemoryBackend())
    house = House(backend=Minimal(able))
    schema = Schemas([TASKS]).of(TASKS.name)
    async with house.running():
        checked = schema.check(json.dumps([task("a")]).encode(), house.clock.now())
        await house.buffer.accept_conditional(TASKS, checked, (0,), FrameKind.WRITE, origin=NOBODY)
        async with asyncio.timeout(30):
            while not house.observed(CollectionPaused):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert "lacks the ability ConditionalWrites" in house.flush.states()[TASKS.name].last_error
        house.registry.replace([NamedBackend("default", "memory", able)], house.registry.routes)
        await house.settled()
    assert await able.read(TASKS, "a") is not None

"""What is acknowledged is seen, counted, bounded, and found again after a restart."""

from datetime import UTC, datetime

import pytest

from domain.errors import (
    BufferFull,
    Draining,
    FlushIncomplete,
    InvalidRecords,
    JournalFailed,
    JournalFull,
    PayloadTooLarge,
    ReceiptElsewhere,
    ReceiptNotFound,
    Replaying,
)
from domain.model.built_in import BUILT_IN
from domain.model.observations import FlushFailed, LogReplayed, RecordsAccepted
from domain.model.policies import BufferPolicy
from domain.model.receipts import Receipt, ReceiptState
from domain.model.translation import SESSIONS, TASKS
from tests.unit.domain.services.house import House, session, task


async def test_an_acknowledged_record_is_read_before_its_flush():
    house = House()
    async with house.running(draining=False):
        acceptance = await house.post(task("a"), task("b"))

        assert acceptance.count == 2
        assert (await house.query.get(TASKS, "b")).key == "b"
        assert await house.backend.read(TASKS, "b") is None
        assert (await house.buffer.depths())[TASKS.name].records == 2


async def test_the_pending_view_shows_the_greatest_version_with_the_earliest_creation():
    house = House()
    async with house.running(draining=False):
        await house.post(task(priority=1, updated_at="2026-03-01T00:00:00Z", created_at="2026-02-01T00:00:00Z"))
        await house.post(task(priority=2, updated_at="2026-02-01T00:00:00Z", created_at="2026-01-01T00:00:00Z"))

        record = await house.query.get(TASKS, "t1")

    assert record.values[TASKS.positions["priority"]] == 1
    assert record.created_at == datetime(2026, 1, 1, tzinfo=UTC)


async def test_versions_of_one_key_in_one_batch_and_across_batches_agree():
    house = House()
    async with house.running(draining=False):
        await house.post(task(priority=1), task(priority=2), task("x"), task(priority=3))

        assert (await house.query.get(TASKS, "t1")).values[TASKS.positions["priority"]] == 3


async def test_what_is_applied_leaves_the_view_and_stays_readable():
    house = House()
    async with house.running():
        await house.post(*(task(f"t{i}") for i in range(50)))
        await house.settled()

        assert house.buffer.pending(TASKS, "t7") is None
        assert (await house.query.get(TASKS, "t7")).key == "t7"
        assert house.buffer.pending_of_parent(TASKS, "s1") == 0
        assert house.buffer._lanes[TASKS.name].weight == 0


async def test_pending_records_are_counted_by_their_session():
    house = House()
    async with house.running(draining=False):
        await house.post(task("a"), task("b"), task("c", session_id="s2"))

        assert house.buffer.pending_of_parent(TASKS, "s1") == 2
        assert (await house.query.progress("s2")).pending == 1


async def test_a_full_buffer_refuses_and_names_what_waits():
    house = House(policy=BufferPolicy(max_bytes=5_000, lane_share=0.5, linger_seconds=0.001))
    async with house.running(draining=False):
        await house.post(task("a"), task("b"))
        with pytest.raises(BufferFull) as caught:
            await house.post(*(task(f"t{i}") for i in range(4)))
        await house.post(session(), collection=SESSIONS)  # another lane has room of its own

        assert caught.value.retry_after
        assert TASKS.name in caught.value.detail
        assert await house.query.visible(TASKS, "t0") is None


async def test_a_batch_that_an_empty_buffer_cannot_hold_is_not_asked_to_come_again():
    house = House(policy=BufferPolicy(max_bytes=10_000, lane_share=0.5))
    async with house.running():
        with pytest.raises(PayloadTooLarge, match="room for 5000"):
            await house.post(*(task(f"t{i}") for i in range(20)))


async def test_room_returns_when_records_are_stored():
    house = House(policy=BufferPolicy(max_bytes=3_000, lane_share=0.5, linger_seconds=0.001))
    async with house.running():
        for i in range(20):
            await house.post(task(f"t{i}"))
            await house.settled()


async def test_a_refused_batch_leaves_no_trace():
    house = House()
    async with house.running(draining=False):
        with pytest.raises(InvalidRecords):
            await house.post(task("a"), task("b", status="lost"))

        assert await house.query.visible(TASKS, "a") is None
        assert not house.observed(RecordsAccepted)


async def test_pending_records_are_indexed_again_after_a_restart():
    house = House()
    async with house.running(draining=False):
        await house.post(*(task(f"t{i}") for i in range(10)))
        await house.post(task("t3", status="completed"))
    house.build()
    async with house.running(draining=False):
        record = await house.query.get(TASKS, "t3")

        assert record.values[TASKS.positions["status"]] == "completed"
        assert [seen.records for seen in house.observed(LogReplayed)] == [11]  # nothing is told of lanes without any
        assert house.buffer.pending_of_parent(TASKS, "s1") == 11


async def test_after_a_stop_nothing_is_taken():
    house = House()
    async with house.running():
        pass
    with pytest.raises(Draining):
        await house.post(task())


class BrokenLog:
    """A pending log whose disk fails."""

    partition = 0

    def __init__(self, house: House, error: Exception) -> None:
        self.inner = house.write_buffer
        self.error: Exception | None = error

    async def append(self, lane, draft, **how):
        if self.error:
            raise self.error
        return await self.inner.append(lane, draft)

    async def read(self, *args, **options):
        return await self.inner.read(*args, **options)

    async def commit(self, *args):
        await self.inner.commit(*args)

    async def depth(self, *args, **options):
        return await self.inner.depth(*args, **options)


async def test_a_failed_journal_ends_all_acknowledgements_and_is_told_once():
    house = House()
    house.write_buffer = log = BrokenLog(house, JournalFailed())
    house.build()
    told = []
    house.buffer.on_failure = lambda: told.append(1)
    async with house.running():
        for _ in range(2):
            with pytest.raises(JournalFailed):
                await house.post(task())
        log.error = None
        with pytest.raises(JournalFailed):  # never trust a later success
            await house.post(task())

        assert (told, house.buffer.accepting, house.buffer.failed) == ([1], False, True)


async def test_a_full_disk_refuses_and_the_next_batch_is_taken_when_there_is_room():
    house = House()
    house.write_buffer = log = BrokenLog(house, JournalFull())
    house.build()
    async with house.running():
        with pytest.raises(JournalFull):
            await house.post(task())
        assert house.buffer.accepting
        assert await house.query.visible(TASKS, "t1") is None
        log.error = None
        await house.post(task())
        assert await house.query.visible(TASKS, "t1")


async def test_a_receipt_goes_from_pending_to_applied():
    house = House()
    async with house.running(draining=False):
        receipt = str((await house.post(task("a"), task("b"))).receipt)
        assert (await house.receipt_service.status(receipt)).state is ReceiptState.PENDING
        await house.flush.start()
        await house.settled()
        status = await house.receipt_service.status(receipt)

    assert (status.state, status.receipt.count, status.exceptions) == (ReceiptState.APPLIED, 2, ())


async def test_receipts_of_other_instances_and_of_nothing_are_told_apart():
    house = House()
    async with house.running():
        receipt = (await house.post(task())).receipt
        with pytest.raises(ReceiptElsewhere):
            await house.receipt_service.status(str(Receipt(receipt.instance % 1023 + 1, receipt.lane, 1, 1, 1)))
        for other in (
            Receipt(receipt.instance, "no_such_lane", 1, 1, 1),
            Receipt(receipt.instance, receipt.lane, receipt.epoch + 1, 1, 1),
            Receipt(receipt.instance, receipt.lane, receipt.epoch, 1, 99),
            Receipt(receipt.instance, receipt.lane, receipt.epoch, 1, 0),
        ):
            with pytest.raises(ReceiptNotFound):
                await house.receipt_service.status(str(other))
        for text in ("", "x", f"{receipt}x", "1.translation_tasks.1.1", "١.translation_tasks.1.1-1"):
            with pytest.raises(ReceiptNotFound):
                await house.receipt_service.status(text)


async def test_positions_that_a_crash_cut_away_answer_lost():
    house = House()
    async with house.running(draining=False):
        receipt = (await house.post(task())).receipt
    house.write_buffer = type(house.write_buffer)(
        [collection.name for collection in BUILT_IN]
    )  # the log comes back empty
    house.build()
    async with house.running(draining=False):
        assert (await house.receipt_service.status(str(receipt))).state is ReceiptState.LOST


class UnreadableLog(BrokenLog):
    """A pending log that cannot be read for a while: too many open files, say."""

    async def append(self, lane, draft, **how):
        return await self.inner.append(lane, draft)

    async def read(self, *args, **options):
        if self.error:
            raise self.error
        return await self.inner.read(*args, **options)


async def test_a_former_run_counts_against_the_bound_before_it_is_indexed_and_a_failed_read_is_repeated(monkeypatch):
    monkeypatch.setattr("domain.services.buffer.RETRY_SOON", 0.01)
    house = House(policy=BufferPolicy(max_bytes=20_000, linger_seconds=0.001, read_deadline_seconds=0.05))
    async with house.running(draining=False):
        await house.post(*(task(f"t{i}") for i in range(30)))
    house.write_buffer = log = UnreadableLog(house, JournalFailed("Reading failed: too many open files."))
    house.build()
    async with house.running():
        with pytest.raises(BufferFull):
            await house.post(*(task(f"n{i}") for i in range(10)))
        with pytest.raises(Replaying):
            await house.query.progress("s1")
        assert "too many" in house.observed(FlushFailed)[0].detail
        log.error = None
        await house.buffer.replayed(TASKS.name, 5)
        await house.flush.flush([TASKS], 5)
        await house.post(*(task(f"n{i}") for i in range(10)))


async def test_a_drain_outlives_a_log_that_cannot_be_read():
    house = House()
    house.write_buffer = log = UnreadableLog(house, JournalFailed("Reading failed: too many open files."))
    house.build()
    async with house.running():
        await house.post(task())
        with pytest.raises(FlushIncomplete, match="too many open files"):
            await house.flush.flush([TASKS], 0.1)
        assert house.flush.states()[TASKS.name].attempt
        log.error = None
        await house.flush.flush([TASKS], 10)

        assert house.flush.states()[TASKS.name].attempt == 0
        assert await house.backend.read(TASKS, "t1")

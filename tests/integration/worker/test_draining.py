"""What is drained by a worker process is as if it had been drained here."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from adapters.journal.real_files import RealFiles
from adapters.journal.write_buffer import LocalJournal
from domain.errors import FlushIncomplete
from domain.model.observations import (
    BatchFlushed,
    CollectionPaused,
    FlushFailed,
    RecordDeadLettered,
    StorageOperated,
    WorkerEnded,
    WorkerStarted,
)
from domain.model.receipts import ReceiptState
from domain.model.records import Verdict
from domain.model.translation import SESSIONS, TASKS
from entrypoints.lifespan import Ending, running
from tests.integration.worker.conftest import SECONDS, House, kill, lives, until
from tests.unit.domain.services.house import session, task

pytestmark = pytest.mark.slow

KILLS = 5


async def test_what_is_acknowledged_is_stored_by_the_worker_and_seen_here(house: House) -> None:
    async with running(house.container) as run:
        receipt = await house.post(*(task(f"t{number}", source_text="ü" * number) for number in range(2500)))
        await house.post(session("s1"), collection=SESSIONS)
        await house.flush()
        pid = await house.pid()
        query, receipts = house.container.query(), house.container.services().receipts
        assert (await query.get(TASKS, "t2499")).values[TASKS.positions["source_text"]] == "ü" * 2499
        assert (await receipts.status(receipt)).state is ReceiptState.APPLIED
        assert not house.container.buffer().pending(TASKS, "t7")
        assert (pid != os.getpid(), lives(pid)) == (True, True)
    assert (run.ending, run.left, lives(pid)) == (Ending.CLEAN, 0, False)
    assert (house.stored(), house.stored("translation_sessions")) == (2500, 1)


async def test_its_observations_are_ours(house: House) -> None:
    async with running(house.container):
        await house.post(task("a"), task("b", status="completed"))
        await house.flush()
        await until(lambda: house.observed(BatchFlushed))
        page = house.container.metrics().render().decode()
    (flushed,) = house.observed(BatchFlushed)
    assert (flushed.records, dict(flushed.statuses)) == (2, {"pending": 1, "completed": 1})
    assert [seen.backend for seen in house.observed(StorageOperated) if seen.operation == "write"] == ["sqlite"]
    assert 'persistence_tasks_total{status="completed"} 1.0' in page
    assert "persistence_worker_restarts_total 0.0" in page
    assert house.container.flush().states()[TASKS.name].batch_records == 1100


async def test_who_waits_here_makes_the_worker_hurry(tmp_path: Path) -> None:
    house = House(tmp_path / "data", linger_seconds=3600)
    async with running(house.container):
        for number in range(3):
            await house.post(task(f"t{number}"))
            await house.flush()
        await house.post(task("lingers"))
        await asyncio.sleep(0.2)
        assert house.stored() == 3
    assert house.stored() == 4


async def test_a_patch_waits_for_the_worker_and_hears_its_verdict(house: House) -> None:
    async with running(house.container):
        await house.post(*(task(f"t{number}") for number in range(20)))
        changes = [house.container.changes().patch(TASKS, f"t{n % 10}", b'{"priority": %d}' % n) for n in range(20)]
        records = await asyncio.gather(*changes)
        assert [record.values[TASKS.positions["priority"]] for record in records] == list(range(20))


async def test_what_the_backend_refuses_stands_in_the_dead_letters_when_its_receipt_says_applied(house: House) -> None:
    async with running(house.container):
        await house.flush()
        forbid_priority(house.database, 666)
        receipt = await house.post(task("good"), task("bad", priority=666), task("fine"))
        await house.flush()
        status = await house.container.services().receipts.status(receipt)
        (letter,) = await house.container.dead_letters().find(limit=9)
    assert (status.state, [found.verdict for found in status.exceptions]) == (
        ReceiptState.APPLIED,
        [Verdict.DEAD_LETTERED],
    )
    assert (letter.key, letter.sequence) == ("bad", 2)
    assert [seen.key for seen in house.observed(RecordDeadLettered)] == ["bad"]
    assert house.stored() == 2


def forbid_priority(database: Path, priority: int) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(
            f"CREATE TRIGGER forbid BEFORE INSERT ON translation_tasks WHEN NEW.priority = {priority} "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    connection.close()


async def test_a_structural_fault_holds_a_collection_back_as_it_does_here(house: House) -> None:
    async with running(house.container) as run:
        await house.flush()
        with sqlite3.connect(house.database) as connection:
            connection.execute("ALTER TABLE translation_tasks RENAME TO away")
        connection.close()
        await house.post(task("a"))
        await house.post(session("s1"), collection=SESSIONS)
        await until(lambda: house.observed(FlushFailed))
        state = house.container.flush().states()[TASKS.name]
        assert (state.paused, state.attempt) == (True, 1)
        assert "no such table" in state.last_error
        assert [seen.collection for seen in house.observed(CollectionPaused)] == [TASKS.name]
        with pytest.raises(FlushIncomplete, match=r"1 records of translation_tasks \(.*no such table"):
            await house.flush(0.3)
        assert not house.container.flush().states()[SESSIONS.name].paused
        assert house.stored("translation_sessions") == 1
        house.container.stop().hurry.set()
    assert (run.ending, run.left) == (Ending.ROWS_REMAIN, 1)


async def test_collections_of_other_backends_are_drained_here(tmp_path: Path) -> None:
    house = House(tmp_path / "data", inline=(SESSIONS.name,))
    async with running(house.container):
        pid = await house.pid()
        os.kill(pid, signal.SIGSTOP)  # what is drained here goes on
        await house.post(session("s1"), collection=SESSIONS)
        await house.container.flush().flush([SESSIONS], 10)
        assert (await house.container.query().get(SESSIONS, "s1")).key == "s1"
        os.kill(pid, signal.SIGCONT)
        await house.post(task("a"))
        await house.flush()
    assert house.stored() == 1


async def test_without_a_collection_for_it_there_is_no_worker(tmp_path: Path) -> None:
    house = House(tmp_path / "data", inline=(SESSIONS.name, TASKS.name))
    async with running(house.container):
        await house.post(task("a"))
        await house.flush()
    assert house.observed(WorkerStarted) == []


async def test_a_failed_fsync_of_a_watermark_ends_the_service_with_70(house: House) -> None:
    disk = DyingDisk()
    built = house.container
    folder, observer, clock = built.settings().journal_folder, built.observer(), built.clock()
    built.journal.override(LocalJournal(folder, built.lane_names(), observer, clock, files=disk))
    async with running(built) as run:
        os.kill(await house.pid(), signal.SIGSTOP)
        await house.post(task("a"))
        disk.dead = True
        os.kill(await house.pid(), signal.SIGCONT)
        async with asyncio.timeout(SECONDS):
            await built.stop().requested.wait()
    assert run.ending is Ending.BROKEN
    assert not lives(await house.pid())


class DyingDisk(RealFiles):
    """A real disk until it is told to die."""

    dead = False

    def fdatasync(self, handle: int) -> None:
        if self.dead:
            raise OSError(errno.EIO, "Input/output error")
        super().fdatasync(handle)


async def test_draining_can_be_stopped_and_begun_again(house: House) -> None:
    flush = house.container.flush()
    async with running(house.container):
        first = await house.pid()
        await flush.stop(0)
        assert not lives(first)
        await house.post(task("a"))
        await asyncio.sleep(0.2)
        assert house.stored() == 0
        await flush.start()
        await house.flush()
        assert await house.pid(2) != first
    assert house.stored() == 1
    assert house.observed(WorkerEnded) == []


async def test_what_a_former_run_left_is_drained_after_its_replay(house: House, tmp_path: Path) -> None:
    async with running(house.container):
        await house.container.flush().stop(0)
        await house.post(*(task(f"t{number}") for number in range(50)))
        house.container.stop().hurry.set()
    assert house.stored() == 0
    again = House(tmp_path / "data")
    async with running(again.container):
        await again.flush()
    assert again.stored() == 50


async def test_a_run_that_fails_leaves_no_worker_behind(house: House) -> None:
    async def fail() -> None:
        async with running(house.container):
            await house.pid()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not lives(await house.pid())


async def test_a_dying_worker_takes_no_acknowledged_record_along(house: House) -> None:
    """Killed at many moments of its work, while records and patches keep coming."""
    async with running(house.container):
        posted = 0
        for number in range(1, KILLS + 1):
            pid = await house.pid(number)
            for _ in range(6):
                await house.post(*(task(f"t{posted + i}") for i in range(150)))
                posted += 150
                await asyncio.sleep(0.007 * number)
            patching = asyncio.create_task(house.container.changes().patch(TASKS, "t3", b'{"priority": %d}' % number))
            await asyncio.sleep(0.002 * number)
            kill(pid)
            record = await patching
            assert record.values[TASKS.positions["priority"]] == number
        await house.flush()
        assert house.stored() == posted
        assert (len(await house.container.dead_letters().find(limit=10))) == 0
        await until(lambda: len(house.observed(WorkerEnded)) == KILLS)
        assert b"persistence_worker_restarts_total %d.0" % KILLS in house.container.metrics().render()
        assert not any(depth.records for depth in (await house.container.buffer().depths()).values())
        assert house.container.buffer()._lanes[TASKS.name].view.weight == 0
    assert [seen.reason for seen in house.observed(WorkerEnded)] == ["it was killed by SIGKILL"] * KILLS

"""The journal with its threads, seen from the event loop."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.journal.write_buffer import LocalJournal
from domain.errors import DataFolderUnusable, Draining, JournalFailed, JournalFull, PayloadTooLarge
from domain.model.frames import Position
from domain.model.observations import FrameQuarantined, JournalBroken, Observation, TornTailCut
from tests.unit.adapters.journal.disks import FailingFiles, WriteBackDisk, error
from tests.unit.adapters.journal.logs import FOLDER, FixedClock, draft, stripped

LANE = FOLDER.name
SEGMENT = 65_536


class House:
    """A journal over a disk, and what it reported."""

    def __init__(self, disk: WriteBackDisk, folder: Path = FOLDER.parent) -> None:
        self.disk = disk
        self.files = FailingFiles(disk)
        self.reports: list[Observation] = []
        self.journal = LocalJournal(
            folder, [LANE, "other"], self.reports.append, FixedClock(), segment_bytes=SEGMENT, files=self.files
        )


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(WriteBackDisk())
    await house.journal.open()
    yield house
    await house.journal.close()


async def read(journal: LocalJournal, after: int = 0) -> list[int]:
    frames = await journal.read(LANE, 0, after, max_bytes=1 << 20, wait_seconds=0)
    return [frame.first_revision for frame in frames]


async def test_what_is_queued_while_the_disk_works_shares_one_write_and_one_sync(house: House) -> None:
    await house.journal.append(LANE, draft(0))
    house.files.calls.clear()
    await asyncio.gather(*(house.journal.append(LANE, draft(number)) for number in range(1, 101)))
    syncs = house.files.calls.count("fdatasync")
    assert house.files.calls.count("pwrite") == syncs
    assert syncs < 20


async def test_a_group_is_never_larger_than_a_segment(house: House) -> None:
    positions = await asyncio.gather(*(house.journal.append(LANE, draft(n, size=9000)) for n in range(40)))
    assert [position.first for position in positions] == list(range(1, 41))
    frames = await house.journal.read(LANE, 0, 0, max_bytes=1, wait_seconds=0)
    assert [stripped(frame) for frame in frames] == [draft(0, size=9000)]


async def test_a_frame_that_no_segment_holds_is_refused_before_it_is_queued(house: House) -> None:
    with pytest.raises(PayloadTooLarge):
        await house.journal.append(LANE, draft(1, size=SEGMENT))
    assert await house.journal.append(LANE, draft(2)) == Position(0, 1, 1)


async def test_a_failed_sync_fails_everyone_who_waits_and_everyone_after(house: House) -> None:
    await house.journal.append(LANE, draft(0))
    house.files.arm(1, error(errno.EIO), ["fdatasync"])
    results = await asyncio.gather(
        *(house.journal.append(LANE, draft(number)) for number in range(1, 30)), return_exceptions=True
    )
    assert {type(result) for result in results} == {JournalFailed}
    assert house.journal.failed
    for lane in (LANE, "other"):
        with pytest.raises(JournalFailed):
            await house.journal.append(lane, draft(99))
        with pytest.raises(JournalFailed):
            await house.journal.commit(lane, 0, "primary", 1)
    assert [type(report) for report in house.reports] == [JournalBroken]
    assert await read(house.journal) == [0]


async def test_a_watermark_that_cannot_be_synced_breaks_the_journal(house: House) -> None:
    await house.journal.append(LANE, draft(0))
    house.files.arm(1, error(errno.EIO), ["fdatasync"])
    with pytest.raises(JournalFailed):
        await house.journal.commit(LANE, 0, "primary", 1)
    assert house.journal.failed
    assert [type(report) for report in house.reports] == [JournalBroken]


async def test_a_full_disk_refuses_and_takes_again(house: House) -> None:
    await house.journal.append(LANE, draft(0))
    house.disk.room = 100
    results = await asyncio.gather(
        *(house.journal.append(LANE, draft(number)) for number in (1, 2, 3)), return_exceptions=True
    )
    assert {type(result) for result in results} == {JournalFull}
    assert not house.journal.failed
    house.disk.room = None
    assert await house.journal.append(LANE, draft(4)) == Position(0, 2, 2)
    assert await read(house.journal, 1) == [4]
    assert house.reports == []


async def test_a_bug_in_the_writing_thread_leaves_nobody_waiting(house: House) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError

    house.files.arm(1, bug, ["pwrite"])
    with pytest.raises(JournalFailed, match="ZeroDivisionError"):
        await house.journal.append(LANE, draft(1))
    assert house.journal.failed


async def test_a_reader_that_waits_is_woken_by_durable_frames_only(house: House) -> None:
    house.disk.room = 0
    reading = asyncio.create_task(house.journal.read(LANE, 0, 0, max_bytes=1000, wait_seconds=60))
    with pytest.raises(JournalFull):
        await house.journal.append(LANE, draft(1))
    assert not reading.done()
    house.disk.room = None
    await house.journal.append(LANE, draft(2))
    assert [frame.first_revision for frame in await reading] == [2]


async def test_closing_finishes_what_is_queued_and_refuses_the_rest(house: House) -> None:
    waiting = [asyncio.create_task(house.journal.append(LANE, draft(number))) for number in range(20)]
    await asyncio.sleep(0)
    await house.journal.close()
    assert [position.last for position in await asyncio.gather(*waiting)] == list(range(1, 21))
    with pytest.raises(Draining):
        await house.journal.append(LANE, draft(99))
    assert house.disk.open_handles == 0
    again = House(house.disk)
    await again.journal.open()
    assert await read(again.journal) == list(range(20))
    assert again.reports == []
    await again.journal.close()


async def test_a_damaged_frame_is_observed_once_and_counted(house: House) -> None:
    for number in range(3):
        await house.journal.append(LANE, draft(number))
    house.disk.content(FOLDER / f"{1:020d}.segment")[600] ^= 1
    assert await read(house.journal) == [1, 2]
    assert await read(house.journal) == [1, 2]
    assert [type(report) for report in house.reports] == [FrameQuarantined]
    assert (await house.journal.depth(LANE)).quarantined == 1
    assert (await house.journal.depth("other")).quarantined == 0


async def test_a_torn_tail_is_observed_when_the_journal_opens(house: House) -> None:
    await house.journal.append(LANE, draft(0))
    house.disk.content(FOLDER / f"{1:020d}.segment")[-3000] = 7
    again = House(house.disk)
    await again.journal.open()
    assert [type(report) for report in again.reports] == [TornTailCut]
    await again.journal.close()


async def test_a_lane_that_cannot_be_opened_is_a_start_failure_and_ends_the_threads_of_the_others(
    tmp_path: Path,
) -> None:
    (tmp_path / "other").write_text("not a folder")
    journal = LocalJournal(tmp_path, [LANE, "other"], lambda observation: None, FixedClock(), segment_bytes=SEGMENT)
    with pytest.raises(DataFolderUnusable, match="other"):
        await journal.open()
    with pytest.raises(Draining):
        await journal.append(LANE, draft(1))
    (tmp_path / "other").unlink()
    await journal.open()
    assert await journal.append(LANE, draft(1)) == Position(0, 1, 1)
    await journal.close()

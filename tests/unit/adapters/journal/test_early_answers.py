"""Frames that do not wait for the disk: what they are told, and what becomes of it."""

from __future__ import annotations

import asyncio
import errno
import threading
from random import Random

import pytest

from domain.errors import JournalFailed, JournalFull
from domain.model.frames import Position
from tests.unit.adapters.journal.disks import FailingFiles, PowerCut, WriteBackDisk, error, power_cut
from tests.unit.adapters.journal.logs import Log, draft
from tests.unit.adapters.journal.test_write_buffer import LANE, House, read


class HeldDisk:
    """A fault: an fdatasync that lasts until it is let go."""

    def __init__(self) -> None:
        self.gone_on = threading.Event()

    def __call__(self, disk: FailingFiles, name: str, arguments: tuple) -> object:
        assert self.gone_on.wait(10)
        return disk.perform(name, arguments)


@pytest.fixture
async def house() -> House:
    house = House(WriteBackDisk())
    await house.journal.open()
    await house.journal.append(LANE, draft(1))
    return house


async def test_an_early_answer_comes_while_the_disk_works_and_nobody_else_is_answered_then(house: House) -> None:
    held = HeldDisk()
    house.files.arm(1, held, ["fdatasync"])
    assert await house.journal.append(LANE, draft(2), durable=False) == Position(0, 2, 2)
    assert await read(house.journal) == [1]  # only what is durable is drained
    depth = await house.journal.depth(LANE)
    assert (depth.head, depth.committed) == (2, 0)  # a receipt for it is no stranger's
    patient = asyncio.create_task(house.journal.append(LANE, draft(3)))
    await asyncio.sleep(0.05)
    assert not patient.done()
    held.gone_on.set()
    assert await patient == Position(0, 3, 3)
    assert await read(house.journal) == [1, 2, 3]
    await house.journal.close()


async def test_a_full_disk_refuses_before_any_answer_and_gives_no_sequence_twice(house: House) -> None:
    house.disk.room = 0
    with pytest.raises(JournalFull):
        await house.journal.append(LANE, draft(2), durable=False)
    house.disk.room = None
    assert await house.journal.append(LANE, draft(3), durable=False) == Position(0, 2, 2)
    await house.journal.close()


async def test_a_sync_that_fails_behind_an_early_answer_ends_the_journal(house: House) -> None:
    house.files.arm(1, error(errno.EIO), ["fdatasync"])
    assert await house.journal.append(LANE, draft(2), durable=False) == Position(0, 2, 2)
    with pytest.raises(JournalFailed):
        await house.journal.append(LANE, draft(3), durable=False)
    assert house.journal.failed
    assert await read(house.journal) == [1]
    await house.journal.close()


def test_a_power_cut_behind_an_early_answer_leaves_the_frame_whole_or_gives_its_numbers_anew() -> None:
    outcomes = set()
    for seed in range(40):
        disk = WriteBackDisk()
        files = FailingFiles(disk)
        log, told = Log(files), []
        log.append(draft(1))
        files.arm(1, power_cut, ["fdatasync"])
        with pytest.raises(PowerCut):
            log.append(draft(2, count=3), draft(3), written=told.extend)
        assert told == [(2, 4), (5, 5)]
        again = Log(disk.after_power_cut(Random(seed)))
        kept = [frame.first_revision for frame in again.frames()]
        assert again.head == {1: 1, 2: 4, 3: 5}[kept[-1]]
        assert kept == [1, 2, 3][: len(kept)]
        outcomes.add(len(kept))
    assert outcomes == {1, 2, 3}, "the disk should have lost and kept"

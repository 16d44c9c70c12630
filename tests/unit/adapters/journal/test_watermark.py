from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from adapters.journal.watermark import MARK_BYTES, SLOT_BYTES, Watermark
from tests.unit.adapters.journal.disks import FailingFiles, PowerCut, WriteBackDisk, power_cut, power_cut_after

PATH = Path("/primary.mark")


def opened(disk: object, owner: str = "tasks/primary", *, exists: bool = True) -> Watermark:
    return Watermark.open(disk, PATH, owner, exists=exists)


def made() -> WriteBackDisk:
    disk = WriteBackDisk()
    opened(disk, exists=False).close()
    disk.fsync_directory(PATH.parent)
    return disk


def test_a_new_mark_is_at_the_beginning_and_is_nobodys_damage() -> None:
    mark = opened(made())
    assert (mark.through, mark.found, mark.damaged) == (0, False, False)


def test_a_mark_comes_back_where_it_was_moved() -> None:
    disk = made()
    mark = opened(disk)
    for through in (5, 1 << 40, (1 << 40) + 1):
        mark.move(through)
        assert opened(disk).through == through
        assert opened(disk.after_power_cut(Random(through))).through == through


def test_the_slots_are_written_in_turn() -> None:
    disk = made()
    mark = opened(disk)
    mark.move(5)
    mark.move(6)
    assert [bool(any(disk.content(PATH)[start : start + 24])) for start in (0, SLOT_BYTES)] == [True, True]


@pytest.mark.parametrize("cut", [power_cut, power_cut_after])
@pytest.mark.parametrize("call", [1, 2])
def test_a_power_cut_while_moving_leaves_the_old_place_or_the_new(call: int, cut: object) -> None:
    for seed in range(20):
        disk = made()
        opened(disk).move(5)
        failing = FailingFiles(disk)
        mark = opened(failing)
        failing.arm(call, cut)
        with pytest.raises(PowerCut):
            mark.move(9)
        assert opened(disk.after_power_cut(Random(seed))).through in (5, 9)


def test_one_damaged_slot_leaves_the_other() -> None:
    for place in range(24):
        disk = made()
        mark = opened(disk)
        mark.move(5)  # generation 1, second slot
        mark.move(6)
        disk.content(PATH)[place] ^= 1
        assert opened(disk).through == 5, place


def test_two_damaged_slots_are_damage_and_the_beginning() -> None:
    disk = made()
    mark = opened(disk)
    mark.move(5)
    mark.move(6)
    disk.content(PATH)[10] ^= 1
    disk.content(PATH)[SLOT_BYTES + 10] ^= 1
    mark = opened(disk)
    assert (mark.through, mark.found, mark.damaged) == (0, False, True)
    mark.move(7)
    assert opened(disk).through == 7


def test_a_mark_of_another_reader_is_not_valid() -> None:
    disk = made()
    opened(disk).move(5)
    assert opened(disk, "tasks/search").through == 0


def test_a_mark_whose_creation_was_interrupted_is_finished() -> None:
    disk = WriteBackDisk()
    disk.close(disk.create(PATH))
    mark = opened(disk)
    mark.move(3)
    assert len(disk.content(PATH)) == MARK_BYTES
    assert opened(disk).through == 3

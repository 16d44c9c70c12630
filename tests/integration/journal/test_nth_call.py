"""Fail the n-th call of a whole life, for every n until the life succeeds: nothing answered is ever lost."""

from __future__ import annotations

import errno
from contextlib import suppress
from random import Random

import pytest

from adapters.journal.files import Files
from domain.errors import DataFolderUnusable, JournalFailed, JournalFull
from domain.model.frames import Frame, FrameDraft
from tests.unit.adapters.journal.disks import (
    FailingFiles,
    Fault,
    PowerCut,
    WriteBackDisk,
    error,
    interrupted,
    power_cut,
    power_cut_after,
    short,
    slow,
)
from tests.unit.adapters.journal.logs import Log, draft, stripped


class Life:
    """Start, append over several segments, commit, stop, and all of it again; every answer is remembered."""

    def __init__(self) -> None:
        self.answered: list[FrameDraft] = []
        self.asked: list[FrameDraft] = []
        self.refused: list[FrameDraft] = []
        self.committed = 0
        self.failed = False

    def run(self, files: Files) -> None:
        for start in (100, 200):
            log = Log(files, readers=("primary", "search"))
            for number in range(start, start + 6):
                self.append(log, draft(number, size=600), draft(number + 50, size=300, count=2))
            frames = self.read(log)
            if len(frames) > 3:
                self.commit(log, frames[3].last)
            log.stop()

    def read(self, log: Log) -> list[Frame]:
        """A read may fail; the next one works."""
        try:
            return log.frames(self.committed)
        except JournalFailed:
            return log.frames(self.committed)

    def append(self, log: Log, *drafts: FrameDraft) -> None:
        self.asked += drafts
        try:
            log.append(*drafts)
        except JournalFull:
            self.refused += drafts
        except JournalFailed:
            self.failed = True
        else:
            assert log.lane.failure is None
            self.answered += drafts

    def commit(self, log: Log, through: int) -> None:
        try:
            for reader in ("primary", "search"):
                log.lane.commit(reader, through)
        except (JournalFailed, JournalFull):
            return
        self.committed = through

    def judge(self, disk: WriteBackDisk) -> None:
        """What the next start finds."""
        log = Log(disk, readers=("primary", "search"))
        frames = log.frames()
        found = [stripped(frame) for frame in frames]
        applied = max((frame.last for frame in frames), default=0)
        firsts = [frame.sequence for frame in frames]
        assert firsts == sorted(set(firsts))
        assert all(each in self.asked and each not in self.refused for each in found)
        missing = [each for each in self.answered if each not in found]
        assert self.answered[: len(missing)] == missing, "only what came first may be gone: it was freed"
        assert not missing or self.passed(log, missing), "freed before it was applied"
        assert not log.quarantined
        position = log.append(draft(900))
        assert position[0][0] > applied

    def passed(self, log: Log, missing: list[FrameDraft]) -> bool:
        records = sum(each.count for each in missing)
        return records <= min(log.lane.depth(reader).committed for reader in ("primary", "search"))


def live(nth: int, fault: Fault, seed: int | None) -> bool:
    """One life whose ``nth`` call meets the fault, then a restart: after a power cut, with a seed. True: it met it."""
    disk = WriteBackDisk()
    files = FailingFiles(disk, nth, fault)
    life = Life()
    with suppress(PowerCut, DataFolderUnusable):
        life.run(files)
    met = not files.armed
    life.judge(disk if seed is None else disk.after_power_cut(Random(seed)))
    return met


FAULTS: dict[str, Fault] = {
    "EIO": error(errno.EIO),
    "ENOSPC": error(errno.ENOSPC),
    "EROFS": error(errno.EROFS),
    "short write": short,
    "EINTR": interrupted,
    "power cut before": power_cut,
    "power cut after": power_cut_after,
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_the_nth_call_fails_for_every_n(fault: Fault, seed: int | None) -> None:
    nth = 1
    while live(nth, fault, seed):
        nth += 1
    assert nth > 100, "a life has more calls than that"


def test_the_nth_call_is_slow_for_a_few_n() -> None:
    assert all(live(nth, slow, None) for nth in range(1, 100, 9))


@pytest.mark.parametrize("fault", [short, interrupted], ids=["short write", "EINTR"])
def test_short_writes_and_interruptions_are_no_failures(fault: Fault) -> None:
    for nth in range(1, 200):
        files = FailingFiles(WriteBackDisk(), nth, fault)
        life = Life()
        life.run(files)
        assert life.answered == life.asked
        assert not life.failed

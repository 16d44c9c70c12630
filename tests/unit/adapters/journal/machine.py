"""Any history of a lane over the write-back disk, judged by an oracle that remembers every answer."""

from __future__ import annotations

import errno
from random import Random
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.journal.format import Codec
from domain.errors import DataFolderUnusable, JournalFailed, JournalFull
from domain.model.frames import Frame, FrameDraft
from tests.unit.adapters.journal.disks import (
    FailingFiles,
    Fault,
    Muted,
    PowerCut,
    WriteBackDisk,
    error,
    power_cut,
    power_cut_after,
    short,
)
from tests.unit.adapters.journal.logs import Log, draft, stripped

GROUPS = st.lists(st.tuples(st.sampled_from((0, 1, 90, 400, 700, 1500)), st.integers(1, 3)), min_size=1, max_size=4)
CALLS = st.integers(1, 9)
CUTS = st.sampled_from((power_cut, power_cut_after))
SEEDS = st.integers(0, 1 << 16)
SEGMENT = 8192  # a group always fits, and three or four make a segment full


class JournalMachine(RuleBasedStateMachine):
    """Appends, rolls, commits, stops, kills, power cuts, failing and full disks, in any order."""

    muted: ClassVar[tuple[str, ...]] = ()  # operations that do nothing
    codec: ClassVar[Codec] = Codec()

    def __init__(self) -> None:
        super().__init__()
        self.disk = WriteBackDisk()
        self.number = 0
        self.acked: dict[int, FrameDraft] = {}  # by first sequence: must be there
        self.possible: list[FrameDraft] = []  # without an answer: whole or not at all
        self.refused: list[FrameDraft] = []  # answered "nothing was kept"
        self.cuts = 0  # of the power
        self.epochs: list[int] = []  # the first sequence that each start may give
        self.hasty: list[tuple[int, tuple[int, int], FrameDraft]] = []  # answered before the fsync, in which epoch
        self.mark = 0  # where the watermark is
        self.intended = 0  # where it may be instead: a commit without an answer

    @initialize()
    def first_start(self) -> None:
        self.start()

    @rule(group=GROUPS)
    def append(self, group: list[tuple[int, int]]) -> None:
        self.attempt(group)

    @rule(group=GROUPS, call=CALLS, cut=CUTS, seed=SEEDS)
    def append_while_the_power_goes(self, group: list[tuple[int, int]], call: int, cut: Fault, seed: int) -> None:
        self.append_until(group, call, cut, (), seed)

    @rule(group=GROUPS, seed=SEEDS)
    def append_and_tear(self, group: list[tuple[int, int]], seed: int) -> None:
        self.append_until(group, 1, power_cut, ("fdatasync",), seed)

    def append_until(
        self, group: list[tuple[int, int]], call: int, cut: Fault, only: tuple[str, ...], seed: int
    ) -> None:
        self.files.arm(call, cut, only)
        try:
            self.attempt(group)
        except PowerCut:
            self.power_cut(seed)
        self.files.arm(0, None)

    @rule(group=GROUPS, call=CALLS, seed=SEEDS, powered=st.booleans())
    def append_while_the_disk_fails(self, group: list[tuple[int, int]], call: int, seed: int, powered: bool) -> None:
        self.files.arm(call, error(errno.EIO), ("pwrite", "fdatasync", "fsync_directory", "preallocate", "create"))
        answered = self.attempt(group)
        self.files.arm(0, None)
        if not answered:
            assert not self.attempt(group), "a journal that failed has answered"
            self.start() if powered else self.power_cut(seed)

    @rule(group=GROUPS, call=st.integers(1, 3))
    def append_with_short_writes(self, group: list[tuple[int, int]], call: int) -> None:
        self.files.arm(call, short, ("pwrite",))
        assert self.attempt(group)
        self.files.arm(0, None)

    @rule(group=GROUPS, room=st.integers(0, 12_000))
    def append_to_a_full_disk(self, group: list[tuple[int, int]], room: int) -> None:
        self.disk.room = room
        self.attempt(group)
        self.disk.room = None
        assert self.attempt(group), "an append with space again was refused"

    @precondition(lambda self: self.acked)
    @rule(data=st.data(), call=st.one_of(st.just(0), CALLS), cut=CUTS, seed=SEEDS)
    def commit(self, data: st.DataObject, call: int, cut: Fault, seed: int) -> None:
        head = max(first + each.count - 1 for first, each in self.acked.items())
        self.intended = max(self.mark, data.draw(st.integers(1, head)))
        self.files.arm(call, cut)
        try:
            self.log.lane.commit("primary", self.intended)
            self.mark = self.intended
        except PowerCut:
            self.power_cut(seed)
        self.files.arm(0, None)

    @rule(seed=SEEDS)
    def power_cut(self, seed: int) -> None:
        self.cuts += 1
        self.disk = self.disk.after_power_cut(Random(seed))
        self.start()

    @rule(call=st.integers(1, 30), cut=CUTS, seed=SEEDS)
    def power_goes_while_starting(self, call: int, cut: Fault, seed: int) -> None:
        random = Random(seed)
        self.cuts += 1
        self.disk = self.disk.after_power_cut(random)
        try:
            self.start(FailingFiles(Muted(self.disk, *self.muted), call, cut))
        except PowerCut:
            self.power_cut(random.randrange(1 << 16))

    @rule(call=st.integers(1, 30))
    def disk_fails_while_starting(self, call: int) -> None:
        try:
            self.start(FailingFiles(Muted(self.disk, *self.muted), call, error(errno.ENOSPC)))
        except DataFolderUnusable:
            self.start()

    @rule()
    def kill(self) -> None:
        self.start()

    @rule()
    def stop(self) -> None:
        self.log.stop()
        self.start()

    @invariant()
    def everything_answered_is_there(self) -> None:
        frames = self.log.frames(self.mark)
        self.judge(frames)
        depth = self.log.lane.depth("primary")
        assert depth.payload_bytes == sum(len(frame.payload) for frame in frames)
        assert depth.oldest_accepted_at == (frames[0].accepted_at if frames else None)
        assert depth.committed >= self.mark
        assert depth.head >= max((frame.last for frame in frames), default=0)
        assert not self.log.quarantined, "nothing was damaged here, only lost or torn before any answer"

    def attempt(self, group: list[tuple[int, int]]) -> bool:
        """Append a group; True when it was answered."""
        drafts = []
        for size, count in group:
            self.number += 1
            drafts.append(draft(self.number, size, count))
        self.possible += drafts
        early: list[tuple[int, int]] = []
        try:
            positions = self.log.append(*drafts, written=early.extend)
        except JournalFull:
            assert not early, "refused after an early answer"
            self.refused += drafts
        except JournalFailed:
            return False
        else:
            assert positions == early, "moved after an early answer"
            newest = max(self.acked, default=0)
            for (first, _), each in zip(positions, drafts, strict=True):
                assert first > newest, "a sequence was given twice"
                self.acked[first] = each
            return True
        finally:
            self.hasty += [(len(self.epochs), *each) for each in zip(early, drafts, strict=False)]
            if self.refused[-1:] == drafts[-1:] or drafts[-1] in self.acked.values():
                del self.possible[-len(drafts) :]
        return False

    def start(self, files: FailingFiles | None = None) -> None:
        """Boot on the disk as it is. What the new process sees, it may rely upon: it counts as answered."""
        self.files = files or FailingFiles(Muted(self.disk, *self.muted))
        self.log = Log(self.files, segment_bytes=SEGMENT, codec=self.codec)
        self.files.arm(0, None)
        self.mark = self.log.lane.depth("primary").committed if self.intended != self.mark else self.mark
        self.intended = self.mark
        self.epochs.append(self.log.head + 1)
        frames = self.log.frames(self.mark)
        self.judge(frames)
        self.judge_early_answers({frame.sequence: stripped(frame) for frame in frames})
        self.acked |= {frame.sequence: stripped(frame) for frame in frames}
        self.possible.clear()

    def judge_early_answers(self, found: dict[int, FrameDraft]) -> None:
        """Who did not wait for the fsync finds the frame whole at its place, or gone and its receipt says so."""
        behind = max(self.mark, self.intended)
        for epoch, (first, last), each in self.hasty:
            if last < self.epochs[epoch]:  # as a receipt is judged: the next start gave none of its numbers anew
                assert last <= behind or found.get(first) == each, "told that it is safe, and lost"
            else:
                assert each not in found.values(), "told that it is lost, and there"

    def judge(self, frames: list[Frame]) -> None:
        """Every answered frame is there, in order, whole and once; of the others whole ones at most."""
        behind = max(self.mark, self.intended)
        found = {frame.sequence: stripped(frame) for frame in frames}
        missing = {first for first, each in self.acked.items() if first + each.count - 1 > behind} - found.keys()
        assert not missing, f"answered and lost: {missing}"
        assert list(found) == sorted(found), "out of order"
        assert len(found) == len(frames), "served twice"
        for first, each in found.items():
            if first in self.acked:
                assert each == self.acked[first], "changed after the answer"
            else:
                assert each in self.possible, "never sent, or refused, and served"
        assert len({each.payload for each in found.values()}) == len(frames), "served twice under two sequences"

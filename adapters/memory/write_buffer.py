"""The pending log in memory: the contract without the durability, for tests and for a service without a disk."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from domain.model.frames import BufferDepth, Frame, FrameDraft, Position


class MemoryWriteBuffer:
    """A ``WriteBuffer`` with one partition (0) a lane. What it holds ends with the process."""

    partition = 0

    def __init__(self, lanes: Sequence[str], *, readers: Sequence[str] = ("primary",)) -> None:
        self._lanes = {name: _Lane(readers) for name in lanes}

    async def open(self) -> None:
        """There is nothing to acquire."""

    async def close(self) -> None:
        """Let waiting readers go; the content stays readable."""
        for lane in self._lanes.values():
            lane.closed = True
            lane.wake()

    async def append(self, lane: str, draft: FrameDraft, *, durable: bool = True) -> Position:  # noqa: ARG002
        """Keep a frame: see ``WriteBuffer``. Nothing here is durable."""
        return self._lane(lane).append(draft)

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """Frames behind ``after``: see ``WriteBuffer``."""
        source = self._lane(lane, partition)
        try:
            async with asyncio.timeout(max(0.0, wait_seconds)):
                while source.head <= after and wait_seconds > 0 and not source.closed:
                    await source.grown.wait()
        except TimeoutError:
            return []
        return source.portion(after, max_bytes)

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """Move a reader's watermark: see ``WriteBuffer``."""
        self._lane(lane, partition).commit(reader, through)

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """How much of a lane waits for a reader."""
        return self._lane(lane, partition or 0).depth(reader)

    def _lane(self, name: str, partition: int = 0) -> _Lane:
        if partition:
            raise ValueError(f"The log in memory has no partition {partition}.")
        return self._lanes[name]


class _Lane:
    """Frames in order, and how far each reader has come."""

    def __init__(self, readers: Sequence[str]) -> None:
        self._frames: list[Frame] = []
        self._lasts: list[int] = []
        self._marks = dict.fromkeys(readers, 0)
        self.head = 0
        self.closed = False
        self.grown = asyncio.Event()

    def append(self, draft: FrameDraft) -> Position:
        if draft.count < 1:
            raise ValueError("A frame has at least one record.")
        frame = Frame(**msgspec.structs.asdict(draft), sequence=self.head + 1)
        self._frames.append(frame)
        self._lasts.append(frame.last)
        self.head = frame.last
        self.wake()
        return Position(0, frame.sequence, frame.last)

    def portion(self, after: int, max_bytes: int) -> list[Frame]:
        start = stop = bisect_right(self._lasts, after)
        room = max_bytes
        while stop < len(self._frames):
            room -= len(self._frames[stop].payload)
            if room < 0 and stop > start:
                break
            stop += 1
        return self._frames[start:stop]

    def commit(self, reader: str, through: int) -> None:
        self._marks[reader] = max(self._marks[reader], min(through, self.head))
        freed = bisect_right(self._lasts, min(self._marks.values()))
        del self._frames[:freed], self._lasts[:freed]

    def depth(self, reader: str) -> BufferDepth:
        committed = self._marks[reader]
        waiting = self._frames[bisect_right(self._lasts, committed) :]
        return BufferDepth(
            head=self.head,
            committed=committed,
            payload_bytes=sum(len(frame.payload) for frame in waiting),
            oldest_accepted_at=waiting[0].accepted_at if waiting else None,
        )

    def wake(self) -> None:
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()

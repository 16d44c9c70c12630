"""The durable pending log between intake and backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.model.frames import BufferDepth, Frame, FrameDraft, Position


class PendingLog(Protocol):
    """The end that drains read: one lane per collection; in a lane, partitions; in a partition, frames by sequence.

    A record's sequence tells its partition (``domain.model.frames.numbered``), and counts up by one within it; in
    partition 0 of a local journal, which has no other, the first is 1. Readers are declared when the log is built
    ("primary" is the storage backend); a frame's space is freed when every reader has passed it.
    """

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """Durable frames whose last record is behind ``after``, in order, at least one if there is one.

        Stops before ``max_bytes`` of payload are passed. Waits up to ``wait_seconds`` for the first frame;
        an empty answer means that none came. A damaged frame is quarantined and skipped: the gap in the
        sequences is the reader's to settle.
        """
        ...

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """Durably move a reader's watermark to record ``through``; never back. Frees what all readers passed."""
        ...

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """How far a partition reaches and how much of it waits for the reader; by default, over all partitions."""
        ...


class WriteBuffer(PendingLog, Protocol):
    """Both ends of the log."""

    partition: int  # that appends go to

    async def append(self, lane: str, draft: FrameDraft, *, durable: bool = True) -> Position:
        """Make a frame durable; returns when it would survive a power loss.

        Not ``durable``: may return as soon as the frame has its place for good, which only a crash can take from it.
        Concurrent calls share one fsync; frames of a lane become durable and get their sequences in call order.
        Raises JournalFull (nothing was kept; later calls may succeed) or JournalFailed (no later call will succeed).
        A cancelled call may or may not have appended.
        """
        ...

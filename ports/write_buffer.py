"""The durable pending log between intake and backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.model.frames import BufferDepth, Frame, FrameDraft, Position


class WriteBuffer(Protocol):
    """One lane per collection; in a lane, partitions; in a partition, frames in the order of their sequences.

    The local journal has one partition (0) a lane. Readers are declared when the log is built ("primary" is the
    storage backend); a frame's space is freed when every reader has passed it.
    """

    async def append(self, lane: str, draft: FrameDraft) -> Position:
        """Make a frame durable; returns when it would survive a power loss.

        Concurrent calls share one fsync; frames of a lane become durable and get their sequences in call order.
        Raises JournalFull (nothing was kept; later calls may succeed) or JournalFailed (no later call will succeed).
        A cancelled call may or may not have appended.
        """
        ...

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

    async def depth(self, lane: str, reader: str = "primary") -> BufferDepth:
        """How far the log reaches and how much of it waits for the reader, over all partitions."""
        ...

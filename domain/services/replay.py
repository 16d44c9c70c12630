"""After a start: what a former run left in the pending log becomes visible again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from domain.errors import PersistenceError
from domain.model.collections import Collection
from domain.model.frames import BufferDepth, Frame, partition_of
from domain.model.observations import FlushFailed, LogReplayed
from domain.services.pending import PendingView
from domain.services.schema import RecordSchema
from ports.ambient import Clock, Observer
from ports.write_buffer import PendingLog

_RETRY_SECONDS = 1.0
_PORTION = 1024 * 1024  # bytes read at a time: what intake waits for


class PendingLane:
    """The pending log of one collection, as the intake sees it."""

    def __init__(self, collection: Collection, schema: RecordSchema) -> None:
        self.collection = collection
        self.schema = schema
        self.view = PendingView(schema)
        self.epoch = 0
        self.in_flight = 0  # weight of frames on their way to the disk
        self.unseen = 0  # weight of a former run's frames that are not indexed yet
        self.unseen_since: datetime | None = None  # when the first of them was accepted
        self.replayed = asyncio.Event()
        self.tight = False  # above the soft mark, and not yet well below it again
        self.full = False  # the same of the hard mark

    @property
    def weight(self) -> int:
        """Bytes that the lane counts for in the bound."""
        return self.view.weight + self.in_flight + self.unseen

    def age(self, now: datetime) -> float:
        """Seconds for which the oldest record waits; 0 where nothing does."""
        oldest = self.unseen_since if self.unseen else self.view.oldest
        return max(0.0, (now - oldest).total_seconds()) if oldest else 0.0

    def show(self, frame: Frame) -> None:
        """Index a frame that was read from the log."""
        if frame.headers.base_revisions:
            self.view.conceal(frame)
            return
        try:
            outline = self.schema.outline(frame)
        except (ValueError, OverflowError, RecursionError):
            self.view.conceal(frame)  # today's rules refuse it: its flush sends it to the dead letters
        else:
            self.view.add(frame, outline)


async def replay(lane: PendingLane, depth: BufferDepth, buffer: PendingLog, observer: Observer, clock: Clock) -> None:
    """Index what waited when the log was opened, then let reads, flush and restore go on."""
    begun = clock.monotonic()
    name, after = lane.collection.name, depth.committed
    while after < depth.head:
        portion = await _portion(name, after, buffer, observer)
        if not portion:
            break
        for frame in portion:
            if frame.last <= depth.head:
                lane.show(frame)
                lane.unseen = max(0, lane.unseen - frame.weight)
        after = portion[-1].last
    lane.unseen = 0
    lane.replayed.set()
    if depth.records:
        observer(LogReplayed(collection=name, records=depth.records, seconds=clock.monotonic() - begun))


async def _portion(lane: str, after: int, buffer: PendingLog, observer: Observer) -> Sequence[Frame]:
    """The next frames; tries until the log can be read: reads and flushes wait for it."""
    attempt = 0
    while True:
        try:
            return await buffer.read(lane, partition_of(after), after, max_bytes=_PORTION, wait_seconds=0)
        except PersistenceError as error:
            attempt += 1
            failed = FlushFailed(
                collection=lane,
                error=error.code,
                detail=error.detail,
                attempt=attempt,
                retry_in_seconds=_RETRY_SECONDS,
            )
            observer(failed)
            await asyncio.sleep(_RETRY_SECONDS)

"""The keys of the frames in a log that one instance has to itself.

A frame carries its key, so a key costs no fsync of its own: it is as durable as the records that it was sent with.
While the frame waits in the log its key is known from there; before the watermark passes the frame the key is written
to a store, where it stays for 24 hours.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from domain.model.frames import BufferDepth, Frame, FrameDraft, Position, partition_of
from domain.model.idempotency import KEPT, IdempotencyKey, KeyedFrame
from ports.ambient import Clock
from ports.idempotency_keys import IdempotencyKeys
from ports.write_buffer import WriteBuffer

Place = tuple[str, int]  # a lane and one of its partitions
_first, _last = attrgetter("first"), attrgetter("last")
_PURGE_EVERY = timedelta(minutes=10)
_PURGE_ROWS = 10_000  # at a time: what a flush waits for


class LogKeys:
    """Knows the keys of the log's frames, and keeps those that leave it."""

    def __init__(self, store: IdempotencyKeys, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._held: set[IdempotencyKey] = set()
        self._pending: defaultdict[IdempotencyKey, dict[int, KeyedFrame]] = defaultdict(dict)
        self._lanes: defaultdict[Place, list[KeyedFrame]] = defaultdict(list)  # by sequence
        self._purged_at: datetime | None = None

    async def hold(self, key: IdempotencyKey) -> bool:
        """As ``KnownKeys`` says."""
        if key in self._held:
            return False
        self._held.add(key)
        return True

    async def release(self, key: IdempotencyKey, *, at_once: bool) -> None:  # noqa: ARG002
        """As ``KnownKeys`` says."""
        self._held.discard(key)

    async def find(self, key: IdempotencyKey) -> Sequence[KeyedFrame]:
        """As ``KnownKeys`` says."""
        pending = list(self._pending[key].values()) if key in self._pending else []  # first: then it is in both
        return [*await self._store.find(key), *pending]

    def note(self, lane: str, frame: Frame) -> None:
        """A frame is in the log; one that is known already is passed over."""
        if frame.headers.idempotency_key is None:
            return
        waiting = self._lanes[lane, partition_of(frame.sequence)]
        place = bisect_right(waiting, frame.sequence, key=_first)
        if place and waiting[place - 1].first == frame.sequence:
            return
        keyed = KeyedFrame.of(lane, frame)
        if keyed is not None:
            insort(waiting, keyed, key=_first)
            self._pending[keyed.part.key][keyed.part.number] = keyed

    async def keep(self, lane: str, through: int) -> None:
        """Make durable the keys of the frames of a record's partition, up to that record."""
        waiting = self._lanes[lane, partition_of(through)]
        leaving = waiting[: bisect_right(waiting, through, key=_last)]
        if leaving:
            await self._store.add(leaving)
            await self._purge()

    def forget(self, lane: str, through: int) -> None:
        """The frames of a partition, up to a record, have left the log; their keys are kept."""
        waiting = self._lanes[lane, partition_of(through)]
        done = bisect_right(waiting, through, key=_last)
        for frame in waiting[:done]:
            key, number = frame.part.key, frame.part.number
            if self._pending[key].get(number) is frame:
                del self._pending[key][number]
            if not self._pending[key]:
                del self._pending[key]
        del waiting[:done]

    async def _purge(self) -> None:
        """Now and then, forget what is older than it must be."""
        now = self._clock.now()
        if self._purged_at is None or now - self._purged_at > _PURGE_EVERY:
            purged = await self._store.purge(now - KEPT, _PURGE_ROWS)
            self._purged_at = now if purged < _PURGE_ROWS else None


class KeyedLog:
    """A log that leaves no key behind: each frame's is known before it is drained, and kept before it is freed."""

    def __init__(self, log: WriteBuffer, keys: LogKeys) -> None:
        self.partition = log.partition
        self._log = log
        self._keys = keys
        self._moving: defaultdict[Place, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def append(self, lane: str, draft: FrameDraft, *, durable: bool = True) -> Position:
        """As the port says."""
        position = await self._log.append(lane, draft, durable=durable)
        self._keys.note(lane, draft.at(position.first))
        return position

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """As the port says."""
        frames = await self._log.read(lane, partition, after, max_bytes=max_bytes, wait_seconds=wait_seconds)
        for frame in frames:
            self._keys.note(lane, frame)
        return frames

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """As the port says."""
        async with self._moving[lane, partition]:
            await self._keys.keep(lane, through)
            await self._log.commit(lane, partition, reader, through)
            self._keys.forget(lane, through)

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """As the port says."""
        return await self._log.depth(lane, reader, partition=partition)

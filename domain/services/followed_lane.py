"""A partition that a worker elsewhere drains: its watermark is followed, and who waits here is made known there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec

from domain.errors import PersistenceError
from domain.model.collections import Collection
from domain.model.lanes import LaneState
from domain.model.policies import BufferPolicy
from domain.services.progress import Progress
from ports.shared_log import SharedLog, Watched

_HURRIED = 0.02  # seconds between looks while somebody waits ...
_CALM = 0.25  # ... while nobody does ...
_OUTAGE = 1.0  # ... and while the log does not answer


class FollowedLane:
    """Stands where a ``Lane`` does. What becomes of a batch is the worker's to report."""

    def __init__(self, collection: Collection, partition: int, policy: BufferPolicy, log: SharedLog) -> None:
        self.collection = collection
        self.partition = partition
        self.state = LaneState(batch_records=policy.batch_records, attempt=0, paused=False, last_error=None)
        self._well = self.state
        self._log = log

    async def drain(self, progress: Progress, applied: Callable[[str, int], None]) -> None:
        """Follow the watermark until cancelled; tells ``applied``, then ``progress``, whenever it has moved."""
        while True:
            pause = await self._look(progress, applied)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await progress.more.wait()
            progress.more.clear()

    async def _look(self, progress: Progress, applied: Callable[[str, int], None]) -> float:
        name = self.collection.name
        try:
            seen = await self._log.watch(name, self.partition, progress.wanted)
        except PersistenceError as error:
            self.state = msgspec.structs.replace(self.state, last_error=error.detail)
            return _OUTAGE
        self.state = self._told(seen)
        applied(name, seen.committed)
        progress.reached(seen.committed)
        return _HURRIED if progress.hurry.is_set() else _CALM

    def _told(self, seen: Watched) -> LaneState:
        """What the worker says of itself; where there is none, what waits goes on waiting."""
        if seen.drained:
            return seen.state or self._well
        if seen.head <= seen.committed:
            return self._well
        trouble = f"No worker drains partition {self.partition}; start `persistence worker`."
        return msgspec.structs.replace(self._well, lost=True, last_error=trouble)

"""A collection that is drained by a worker process: what this process knows of it, and who waits here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from domain.model.collections import Collection
from domain.model.lanes import LaneState
from domain.model.observations import (
    BackendLost,
    BackendRegained,
    BatchFlushed,
    CollectionPaused,
    FlushFailed,
    FlushRecovered,
    Observation,
)
from domain.model.policies import BufferPolicy
from domain.services.progress import Progress


class Worker(Protocol):
    """The process that drains, seen from here."""

    @property
    def trouble(self) -> str | None:
        """Why nothing comes from it just now."""
        ...

    def draining(self, lane: RemoteLane) -> AbstractAsyncContextManager[None]:
        """Have a lane drained while the context is open; behind it, nothing of the lane is written any more."""
        ...

    def nudge(self) -> None:
        """Somebody wants more than before of a lane."""
        ...


class RemoteLane:
    """Stands where a ``Lane`` does. The records pass through the worker; watermark and waiters stay here."""

    def __init__(self, collection: Collection, policy: BufferPolicy, worker: Worker) -> None:
        self.collection = collection
        self.partition = 0
        self.progress = Progress()
        self._worker = worker
        self._fresh = _well(policy.batch_records)
        self._state = self._fresh
        self._applied: Callable[[str, int], None] = lambda _lane, _through: None

    @property
    def state(self) -> LaneState:
        """How the lane fares, as far as the worker has told."""
        return msgspec.structs.replace(self._state, last_error=self._state.last_error or self._worker.trouble)

    async def drain(self, progress: Progress, applied: Callable[[str, int], None]) -> None:
        """Have the worker apply batch after batch until cancelled; tells ``progress`` and ``applied`` after each."""
        self.progress, self._applied = progress, applied
        async with self._worker.draining(self):
            while True:
                await progress.more.wait()
                progress.more.clear()
                self._worker.nudge()

    def committed(self, through: int) -> None:
        """Told by the worker's connection: the watermark has moved."""
        self._applied(self.collection.name, through)
        self.progress.reached(through)

    def restarted(self) -> None:
        """A new worker knows nothing of what the former one had met."""
        self._state = self._fresh

    def observed(self, seen: Observation) -> None:
        """What the worker reports of this lane is what there is to know of its state."""
        match seen:
            case FlushFailed(attempt=attempt, detail=detail):
                self._state = msgspec.structs.replace(self._state, attempt=attempt, last_error=detail)
            case CollectionPaused():
                self._state = msgspec.structs.replace(self._state, paused=True)
            case FlushRecovered():
                self._state = _well(self._state.batch_records)
            case BackendLost(detail=detail):
                self._state = msgspec.structs.replace(self._state, lost=True, last_error=detail)
            case BackendRegained():
                self._state = msgspec.structs.replace(self._state, lost=False, last_error=None)
            case BatchFlushed(batch_size=size):
                self._state = msgspec.structs.replace(self._state, batch_records=size)
            case _:
                pass


def _well(batch_records: int) -> LaneState:
    return LaneState(batch_records=batch_records, attempt=0, paused=False, last_error=None)

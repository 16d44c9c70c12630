"""The drain: pending frames become stored records, batch by batch, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from domain.errors import FlushIncomplete
from domain.model.collections import Collection
from domain.services.lane import Lane
from ports.write_buffer import WriteBuffer


class Follower(Protocol):
    """Who keeps the pending view, and must hear what became of it."""

    async def replayed(self, lane: str, timeout: float | None = None) -> None:
        """Wait until the lane's pending records are indexed."""

    def applied(self, lane: str, through: int) -> None:
        """Records up to ``through`` are stored and the watermark has moved."""


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """How a collection's drain fares."""

    batch_records: int  # the adaptive size trigger
    attempt: int  # failed tries of the batch in hand; 0 when all is well
    paused: bool  # a structural fault waits for an operator
    last_error: str | None  # of the batch in hand


class FlushEngine:
    """Drains every lane in a task of its own; meets the intake only through the write buffer."""

    def __init__(self, lanes: Sequence[Lane], buffer: WriteBuffer, follower: Follower) -> None:
        self._lanes = {lane.collection.name: lane for lane in lanes}
        self._buffer = buffer
        self._follower = follower
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to drain; each lane waits for its replay, and must be started before it."""
        for name, lane in self._lanes.items():
            await lane.begin()
            self._tasks.append(asyncio.create_task(self._run(lane), name=f"flush {name}"))

    async def stop(self, budget_seconds: float) -> int:
        """Flush what the budget allows, then stop; returns the records that stay in the log."""
        try:
            await self.flush([lane.collection for lane in self._lanes.values()], budget_seconds)
        except FlushIncomplete:
            pass
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks.clear()
        return sum([(await self._buffer.depth(name)).records for name in self._lanes])

    async def flush(self, collections: Sequence[Collection], timeout: float) -> None:
        """Return when everything acknowledged before the call is applied.

        Raises FlushIncomplete, naming what stays, after ``timeout`` seconds.
        """
        depths = {c.name: await self._buffer.depth(c.name) for c in collections}
        heads = {name: depth.head for name, depth in depths.items() if depth.records}
        waits = [self._lanes[name].applied_through(head) for name, head in heads.items()]
        try:
            async with asyncio.timeout(timeout):
                await asyncio.gather(*waits)
        except TimeoutError:
            raise FlushIncomplete(await self._left(heads), retry_after=1.0) from None

    async def wait_applied(self, collection: Collection, through: int, timeout: float) -> bool:
        """Flush up to a record and wait; False when it was not applied within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._lanes[collection.name].applied_through(through)
        except TimeoutError:
            return False
        return True

    def states(self) -> Mapping[str, LaneState]:
        """How the lanes fare, by collection."""
        return {
            name: LaneState(
                batch_records=lane.trigger.records,
                attempt=lane.attempt,
                paused=lane.paused,
                last_error=lane.last_error,
            )
            for name, lane in self._lanes.items()
        }

    async def _run(self, lane: Lane) -> None:
        await self._follower.replayed(lane.collection.name)
        await lane.drain(self._follower.applied)

    async def _left(self, heads: Mapping[str, int]) -> str:
        parts = []
        for name, head in heads.items():
            left = head - (await self._buffer.depth(name)).committed
            if left > 0:
                cause = self._lanes[name].last_error
                parts.append(f"{left} records of {name}" + (f" ({cause})" if cause else ""))
        return f"Still waiting: {', '.join(parts) or 'nothing'}."

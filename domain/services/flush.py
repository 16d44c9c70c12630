"""The drain: pending frames become stored records, batch by batch, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec

from domain.errors import FlushIncomplete
from domain.model.collections import Collection
from domain.model.frames import BufferDepth, partition_of
from domain.model.lanes import LaneState
from domain.services.draining import Drain, drain_on
from domain.services.ending import ended
from domain.services.lane_states import worst
from domain.services.progress import Progress
from ports.ambient import Observer
from ports.write_buffer import PendingLog


class Follower(Protocol):
    """Who keeps the pending view, and must hear what became of it."""

    async def replayed(self, lane: str, timeout: float | None = None) -> None:
        """Wait until the lane's pending records are indexed."""

    def applied(self, lane: str, through: int) -> None:
        """Records up to ``through`` are stored and the watermark has moved."""


Place = tuple[str, int]  # the collection's name and a partition of its pending log


def _place(lane: Drain) -> Place:
    return lane.collection.name, lane.partition


class Holding(Protocol):
    """Knows which lanes are held back on purpose."""

    def reopenings(self, lane: str) -> int:
        """How often a lane went on after it was held back."""

    async def reopened(self, lane: str) -> None:
        """Wait while a lane is held back."""


class NeverHeld:
    """Nobody holds anything back."""

    def reopenings(self, _: str) -> int:
        """Never."""
        return 0

    async def reopened(self, _: str) -> None:
        """At once."""


class FlushEngine:
    """Drains every lane in a task of its own; meets the intake only through the pending log."""

    def __init__(
        self,
        lanes: Sequence[Drain],
        log: PendingLog,
        follower: Follower,
        observer: Observer,
        holding: Holding | None = None,
    ) -> None:
        """``holding``: who knows which lanes are held back on purpose: whoever waits has the whole time behind that."""
        self._lanes = {_place(lane): lane for lane in lanes}
        self._progress = {place: Progress() for place in self._lanes}
        self._log = log
        self._follower = follower
        self._observer = observer
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._turning = asyncio.Lock()
        self._holding = holding or NeverHeld()

    async def start(self) -> None:
        """Begin to drain; each lane waits for its replay, and must be started before it."""
        for place in self._lanes:
            await self._begin(place)

    async def stop(self, budget_seconds: float) -> int:
        """Flush what the budget allows, then stop; returns the records that stay in the log."""
        try:
            heads = await self._heads(self._lanes)
            async with asyncio.timeout(budget_seconds):
                await self._reach(heads)
        except TimeoutError:
            pass
        finally:
            async with self._turning:
                await asyncio.gather(*[self._end(place) for place in list(self._tasks)])
        return sum([(await self._depth(place)).records for place in self._lanes])

    async def turn_to(self, lanes: Sequence[Drain]) -> None:
        """Drain by these from now on. Who waits goes on waiting; a batch in hand is broken off and applied again."""
        async with self._turning:
            turned = {_place(lane): lane for lane in lanes if lane is not self._lanes[_place(lane)]}
            drained = [place for place in turned if place in self._tasks]
            await asyncio.gather(*[self._end(place) for place in drained])  # all, before a log is read by another
            self._lanes |= turned
            for place in drained:
                await self._begin(place)

    async def flush(self, collections: Sequence[Collection], timeout: float, *, counts_holds: bool = False) -> None:
        """Return when everything acknowledged before the call is applied.

        ``counts_holds``: the time runs while a lane is held back, too. Raises FlushIncomplete, naming what stays, after
        ``timeout`` seconds.
        """
        names = {collection.name for collection in collections}
        heads = await self._heads(place for place in self._lanes if place[0] in names)
        if not await self._reached(heads, timeout, counts_holds=counts_holds):
            raise FlushIncomplete(await self._left(heads), retry_after=1.0)

    async def wait_applied(
        self, collection: Collection, through: Iterable[int], timeout: float, *, counts_holds: bool = False
    ) -> bool:
        """Flush up to some records and wait; False when one was not applied within ``timeout`` seconds.

        ``counts_holds``: the time runs while the lane is held back, too.
        """
        heads = {(collection.name, partition_of(sequence)): sequence for sequence in sorted(through)}
        return await self._reached(heads, timeout, counts_holds=counts_holds)

    async def _heads(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """The newest record of each lane where something waits."""
        depths = {place: await self._depth(place) for place in places}
        return {place: depth.head for place, depth in depths.items() if depth.records}

    async def _depth(self, place: Place) -> BufferDepth:
        return await self._log.depth(place[0], partition=place[1])

    async def _reached(self, heads: Mapping[Place, int], timeout: float, *, counts_holds: bool = False) -> bool:
        while True:
            before = self._reopenings(heads)
            try:
                async with asyncio.timeout(timeout):
                    await self._reach(heads)
            except TimeoutError:
                for name, _ in () if counts_holds else heads:
                    await self._holding.reopened(name)
                if before == self._reopenings(heads):
                    return False
            else:
                return True

    def _reopenings(self, places: Iterable[Place]) -> Sequence[int]:
        return [self._holding.reopenings(name) for name, _ in places]

    async def _reach(self, heads: Mapping[Place, int]) -> None:
        await asyncio.gather(*[self._progress[place].reach(head) for place, head in heads.items()])

    def states(self) -> Mapping[str, LaneState]:
        """How the lanes fare, by collection; where one has several, that of the one that fares worst."""
        return worst((place[0], self._state(place)) for place in self._lanes)

    def _state(self, place: Place) -> LaneState:
        state = self._lanes[place].state
        return msgspec.structs.replace(state, last_error=state.last_error or self._progress[place].trouble)

    async def _begin(self, place: Place) -> None:
        """Find the watermark, before anyone reads the log, which may pass over damaged frames behind it."""
        name, _ = place
        committed = await self._committed(place)
        self._follower.applied(name, committed)
        self._progress[place].reached(committed)
        self._tasks[place] = asyncio.create_task(self._run(place), name=f"flush {name}")

    async def _committed(self, place: Place) -> int:
        return (await self._depth(place)).committed

    async def _end(self, place: Place) -> None:
        if place in self._tasks:
            await ended(self._tasks[place])  # it stays known until then: who is hurried out of this waits for it anew
            del self._tasks[place]

    async def _run(self, place: Place) -> None:
        await self._follower.replayed(place[0])
        watermark = partial(self._committed, place)
        await drain_on(self._lanes[place], self._progress[place], self._follower.applied, watermark, self._observer)

    async def _left(self, heads: Mapping[Place, int]) -> str:
        parts = []
        for place, head in heads.items():
            left = head - (await self._depth(place)).committed
            if left > 0:
                cause = self._lanes[place].state.last_error
                parts.append(f"{left} records of {place[0]}" + (f" ({cause})" if cause else ""))
        return f"Still waiting: {', '.join(parts) or 'nothing'}."

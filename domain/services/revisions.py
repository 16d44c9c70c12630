"""The issuer of revisions: numbers that never go back, whatever the clock says and however often it restarts."""

from __future__ import annotations

import asyncio

from domain.model.revisions import compose, instance_of, nth, tick_at, tick_of
from ports.ambient import Clock
from ports.revision_ceiling import RevisionCeiling

RESERVED_AHEAD = 10_000  # milliseconds of revisions reserved at a time


class RevisionIssuer:
    """Gives contiguous runs of revisions below a durably reserved ceiling.

    A crash forgets the last number given, never the ceiling: the next start begins above it.
    """

    def __init__(self, ceiling: RevisionCeiling, clock: Clock) -> None:
        self._ceiling = ceiling
        self._clock = clock
        self._last = 0
        self.salt = 0  # tells this instance from another one with its number
        self._ceiling_tick = 0
        self._reserving = asyncio.Lock()

    async def start(self) -> None:
        """Load the reservation; must be called before the first issue."""
        found = await self._ceiling.load()
        self._ceiling_tick = found.ceiling_tick
        self._last = compose(found.ceiling_tick, found.instance, 0)
        self.salt = found.salt

    @property
    def instance(self) -> int:
        """This instance's number, part of every revision."""
        return instance_of(self._last)

    async def issue(self, count: int) -> int:
        """The first of ``count`` contiguous revisions, all greater than every one given before."""
        first = self._next()
        while tick_of(nth(first, count - 1)) >= self._ceiling_tick:
            async with self._reserving:
                await self._raise_ceiling(tick_of(nth(self._next(), count - 1)))
            first = self._next()
        self._last = nth(first, count - 1)
        return first

    def _next(self) -> int:
        tick = tick_at(self._clock.now())
        if tick > tick_of(self._last):
            return compose(tick, self.instance, 0)
        return nth(self._last, 1)

    async def _raise_ceiling(self, tick: int) -> None:
        if tick >= self._ceiling_tick:
            if await self._ceiling.reserve(tick + RESERVED_AHEAD):
                self._ceiling_tick = tick + RESERVED_AHEAD
            else:
                await self.start()

"""A gate between the pending log and those who drain it: what is behind it waits, and stays acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

from domain.model.frames import BufferDepth, Frame
from ports.write_buffer import PendingLog


class Gate:
    """The reading side of a pending log, lane by lane open or closed."""

    def __init__(self, log: PendingLog, lanes: Iterable[str]) -> None:
        self._log = log
        self._open = {lane: asyncio.Event() for lane in lanes}
        self._passed = dict.fromkeys(self._open, -1)  # the last record that was handed out
        self._reopenings = dict.fromkeys(self._open, 0)
        for opened in self._open.values():
            opened.set()

    def close(self, lane: str) -> int:
        """Hand out nothing more; the last record that was handed out, -1 where none was."""
        self._open[lane].clear()
        return self._passed[lane]

    def open(self, lane: str) -> None:
        """Go on."""
        self._reopenings[lane] += not self.is_open(lane)
        self._open[lane].set()

    def is_open(self, lane: str) -> bool:
        """Whether records pass."""
        return self._open[lane].is_set()

    def reopenings(self, lane: str) -> int:
        """How often a closed lane was opened again: a later look tells whether it was closed in between."""
        return self._reopenings[lane]

    async def reopened(self, lane: str) -> None:
        """Wait while a lane is closed."""
        await self._open[lane].wait()

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """As the port says; a closed lane looks as if nothing were there beyond what was handed out before."""
        frames = await self._log.read(lane, partition, after, max_bytes=max_bytes, wait_seconds=wait_seconds)
        if self.is_open(lane):  # seen behind the look at the log: it may have been closed meanwhile
            self._passed[lane] = max([self._passed[lane], *(frame.last for frame in frames[-1:])])
            return frames
        again = [frame for frame in frames if frame.last <= self._passed[lane]]
        if not again:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._open[lane].wait()
        return again  # the caller of an empty answer looks again

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """As the port says."""
        await self._log.commit(lane, partition, reader, through)

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """As the port says."""
        return await self._log.depth(lane, reader, partition=partition)

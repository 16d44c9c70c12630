"""Frames on their way into one partition: whatever has come meanwhile goes in one trip, and is synced at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from domain.errors import Draining, PersistenceError, UnexpectedFailure
from domain.model.frames import FrameDraft, Position

TRIP_BYTES = 8 << 20

Send = Callable[[Sequence[FrameDraft]], Awaitable[Sequence[Position | PersistenceError]]]


class Appender:
    """Keeps the order of the calls; one trip is under way at a time."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[tuple[FrameDraft, asyncio.Future[Position]]] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._closed = False

    async def append(self, draft: FrameDraft) -> Position:
        """Return when the frame is kept."""
        if self._closed:
            raise Draining("The journal is closed.")
        done: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._queue.append((draft, done))
        if self._sending is None:
            self._sending = asyncio.create_task(self._run())
        return await done

    async def close(self) -> None:
        """Send what is queued; take nothing more."""
        self._closed = True
        if self._sending is not None:
            await asyncio.wait((self._sending,))

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._trip(self._take())
        finally:
            self._sending = None

    def _take(self) -> list[tuple[FrameDraft, asyncio.Future[Position]]]:
        taken, room = [self._queue.popleft()], TRIP_BYTES
        room -= len(taken[0][0].payload)
        while self._queue and len(self._queue[0][0].payload) <= room:
            taken.append(self._queue.popleft())
            room -= len(taken[-1][0].payload)
        return taken

    async def _trip(self, taken: Sequence[tuple[FrameDraft, asyncio.Future[Position]]]) -> None:
        try:
            outcomes = await self._send([draft for draft, _ in taken])
        except PersistenceError as failure:
            outcomes = [failure] * len(taken)
        except Exception as bug:  # whoever waits must hear of it
            outcomes = [UnexpectedFailure(f"{type(bug).__name__}: {bug}")] * len(taken)
        for (_, done), outcome in zip(taken, outcomes, strict=True):
            if done.done():
                continue
            if isinstance(outcome, Position):
                done.set_result(outcome)
            else:
                done.set_exception(outcome)

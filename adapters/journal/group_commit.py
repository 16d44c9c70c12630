"""Group commit: whatever is queued becomes durable with one write and one fdatasync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

import msgspec

from adapters.journal.format import PreparedFrame
from adapters.journal.lane import Lane
from domain.errors import JournalFailed, JournalFull
from domain.model.frames import Position

GROUP_BYTES = 8 << 20


class _Waiting(msgspec.Struct, frozen=True):
    """A frame and who waits for it."""

    frame: PreparedFrame
    place: asyncio.Future[Position]


Outcome = Sequence[Position] | JournalFull | JournalFailed


class GroupCommit:
    """A lane's writing thread. There is no linger: the fdatasync in progress is what lets a group gather."""

    def __init__(self, lane: Lane, loop: asyncio.AbstractEventLoop, settled: Callable[[Outcome], None]) -> None:
        """``settled`` is called on the loop with each group's outcome, before those who wait for it."""
        self._lane = lane
        self._loop = loop
        self._settled = settled
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._held: _Waiting | None = None  # taken from the queue, for the next group
        self._thread = Thread(target=self._run, name=f"journal-{lane.name}", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def submit(self, frame: PreparedFrame) -> asyncio.Future[Position]:
        """Queue a frame; the future fails with JournalFull or JournalFailed. On the loop only."""
        place: asyncio.Future[Position] = self._loop.create_future()
        self._queue.put(_Waiting(frame, place))
        return place

    def stop(self) -> None:
        """Write what is queued, then end the thread. Blocks."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while group := self._gather():
            outcome = self._write([each.frame for each in group])
            self._loop.call_soon_threadsafe(self._settle, group, outcome)

    def _gather(self) -> list[_Waiting]:
        """Wait for a frame, then take what else is queued and fits into the group; nothing at the end."""
        first, self._held = self._held or self._queue.get(), None
        if first is None:
            return []
        group, room = [first], min(GROUP_BYTES, self._lane.capacity) - first.frame.size
        while True:
            try:
                following = self._queue.get_nowait()
            except Empty:
                return group
            if following is None:
                self._queue.put(None)  # the end comes after this group
                return group
            room -= following.frame.size
            if room < 0:
                self._held = following
                return group
            group.append(following)

    def _write(self, frames: list[PreparedFrame]) -> Outcome:
        try:
            return self._lane.append(frames)
        except (JournalFull, JournalFailed) as error:
            return error
        except Exception as bug:  # the thread must outlive it, and nobody may wait for ever
            self._lane.failure = f"Writing the journal of {self._lane.name} met a bug: {bug!r}."
            return JournalFailed(self._lane.failure)

    def _settle(self, group: list[_Waiting], outcome: Outcome) -> None:
        self._settled(outcome)
        if isinstance(outcome, JournalFull | JournalFailed):
            for each in group:
                if not each.place.done():
                    each.place.set_exception(type(outcome)(outcome.detail))
            return
        for each, position in zip(group, outcome, strict=True):
            if not each.place.done():
                each.place.set_result(position)

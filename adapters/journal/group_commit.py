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
    durable: bool  # whether the answer waits for the fdatasync
    place: asyncio.Future[Position]


Positions = Sequence[Position]
Outcome = Positions | JournalFull | JournalFailed


class GroupCommit:
    """A lane's writing thread. There is no linger: the fdatasync in progress is what lets a group gather.

    Who does not wait for the fdatasync is answered between it and the write. From there on a group either becomes
    durable or the lane has failed for good, so that no record is ever given a sequence that somebody was told.
    """

    def __init__(
        self,
        lane: Lane,
        loop: asyncio.AbstractEventLoop,
        placed: Callable[[Positions], None],
        settled: Callable[[Outcome], None],
    ) -> None:
        """Both are called on the loop, before those who wait: ``placed`` where somebody does not wait for the disk."""
        self._lane = lane
        self._loop = loop
        self._placed = placed
        self._settled = settled
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._held: _Waiting | None = None  # taken from the queue, for the next group
        self._thread = Thread(target=self._run, name=f"journal-{lane.name}", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def submit(self, frame: PreparedFrame, *, durable: bool = True) -> asyncio.Future[Position]:
        """Queue a frame; the future fails with JournalFull or JournalFailed. On the loop only."""
        place: asyncio.Future[Position] = self._loop.create_future()
        self._queue.put(_Waiting(frame, durable, place))
        return place

    def stop(self) -> None:
        """Write what is queued, then end the thread. Blocks."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while group := self._gather():
            outcome = self._write(group)
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

    def _write(self, group: list[_Waiting]) -> Outcome:
        def written(positions: Positions) -> None:
            if not all(each.durable for each in group):
                self._loop.call_soon_threadsafe(self._place, group, positions)

        try:
            return self._lane.append([each.frame for each in group], written)
        except (JournalFull, JournalFailed) as error:
            return error
        except Exception as bug:  # the thread must outlive it, and nobody may wait for ever
            self._lane.failure = f"Writing the journal of {self._lane.name} met a bug: {bug!r}."
            return JournalFailed(self._lane.failure)

    def _place(self, group: list[_Waiting], positions: Positions) -> None:
        self._placed(positions)
        for each, position in zip(group, positions, strict=True):
            if not each.durable and not each.place.done():
                each.place.set_result(position)

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

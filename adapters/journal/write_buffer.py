"""The pending log on the local disk. Its bytes are drawn in ``ops/decisions/0002-journal-format.md``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from adapters.journal.files import Files, Uninterrupted
from adapters.journal.format import Codec
from adapters.journal.group_commit import GroupCommit, Outcome
from adapters.journal.lane import Lane
from adapters.journal.real_files import RealFiles
from domain.errors import Draining, JournalFailed, JournalFull, StartFailure
from domain.model.frames import BufferDepth, Frame, FrameDraft, Position
from domain.model.observations import JournalBroken, Observation
from ports.ambient import Clock, Observer

T = TypeVar("T")

SEGMENT_BYTES = 64 << 20


class LocalJournal:
    """A ``WriteBuffer`` with one partition (0) a lane; answers when a frame would survive a power loss.

    The disk is only ever touched from threads: one a lane that writes, one a lane that reads and moves watermarks.
    """

    partition = 0

    def __init__(
        self,
        folder: Path,
        lanes: Sequence[str],
        observer: Observer,
        clock: Clock,
        *,
        readers: Sequence[str] = ("primary",),
        further: Mapping[str, Sequence[str]] = {},
        segment_bytes: int = SEGMENT_BYTES,
        files: Files | None = None,
        codec: Codec | None = None,
    ) -> None:
        """``readers``: whose watermarks keep a segment, and ``further`` ones, by lane; ``files`` and ``codec``: what a
        test puts in their place.
        """
        self._folder = folder
        self._lanes = lanes
        self._observer = observer
        self._clock = clock
        self._readers = {lane: (*readers, *further.get(lane, ())) for lane in lanes}
        self._segment_bytes = segment_bytes
        self._files = Uninterrupted(files or RealFiles())
        self._codec = codec or Codec()
        self._open: dict[str, _OpenLane] = {}
        self._failure: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the disk failed: nothing is acknowledged until the process was restarted."""
        return self._failure is not None

    async def open(self) -> None:
        """Recover every lane. Raises StartFailure; never removes what it cannot read."""
        try:
            for name in self._lanes:
                if name not in self._open:
                    self._open[name] = await self._open_lane(name)
        except StartFailure:
            await self.close()
            raise

    async def _open_lane(self, name: str) -> _OpenLane:
        loop = asyncio.get_running_loop()

        def report(observation: Observation) -> None:
            loop.call_soon_threadsafe(self._observer, observation)

        lane = Lane(
            self._files,
            self._folder.absolute() / name,
            name,
            readers=self._readers[name],
            segment_bytes=self._segment_bytes,
            clock=self._clock,
            report=report,
            codec=self._codec,
        )
        head = await asyncio.to_thread(lane.open)
        return _OpenLane(lane, head, loop, self._fail)

    async def close(self) -> None:
        """Write what is queued, seal the lanes, end the threads."""
        lanes, self._open = self._open, {}
        for lane in lanes.values():
            await lane.close()

    async def append(self, lane: str, draft: FrameDraft, *, durable: bool = True) -> Position:
        """Make a frame durable: see ``WriteBuffer``. Raises PayloadTooLarge for what no segment can hold."""
        self._check()
        return await self._lane(lane).append(draft, durable=durable)

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """Durable frames behind ``after``: see ``WriteBuffer``."""
        return await self._lane(lane, partition).read(after, max_bytes, wait_seconds)

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """Move a reader's watermark: see ``WriteBuffer``. Raises JournalFull (nothing moved) or JournalFailed."""
        self._check()
        target = self._lane(lane, partition)
        try:
            await target.call(lambda: target.lane.commit(reader, through))
        except JournalFailed as error:
            self._fail(lane, error.detail)
            raise

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """How much of a lane waits for a reader."""
        return await self._lane(lane, partition or 0).depth(reader)

    def _lane(self, name: str, partition: int = 0) -> _OpenLane:
        if not self._open:
            raise Draining("The journal is closed.")
        if partition:
            raise ValueError(f"The local journal has no partition {partition}.")
        return self._open[name]

    def _check(self) -> None:
        if self._failure is not None:
            raise JournalFailed(self._failure)

    def _fail(self, lane: str, detail: str) -> None:
        if self._failure is None:
            self._failure = detail
            self._observer(JournalBroken(lane=lane, detail=detail))


class _OpenLane:
    """A lane with its two threads, on the event loop's side."""

    def __init__(
        self, lane: Lane, head: int, loop: asyncio.AbstractEventLoop, fail: Callable[[str, str], None]
    ) -> None:
        self.lane = lane
        self._head = head  # last record that is durable
        self._given = head  # last record that has its place
        self._loop = loop
        self._fail = fail
        self._grown = asyncio.Event()  # set, and replaced, when frames became durable
        self._closed = False
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"journal-{lane.name}-reads")
        self._commit = GroupCommit(lane, loop, self._placed, self._settled)
        self._commit.start()

    async def append(self, draft: FrameDraft, *, durable: bool) -> Position:
        return await self._commit.submit(self.lane.prepare(draft), durable=durable)

    async def read(self, after: int, max_bytes: int, wait_seconds: float) -> list[Frame]:
        deadline = self._loop.time() + wait_seconds
        while True:
            grown, seen = self._grown, self._head
            if (
                seen > after
                and not self._closed
                and (frames := await self.call(lambda: self.lane.read(after, max_bytes)))
            ):
                return frames
            if self._closed or not await self._wait(grown, seen, deadline):
                return []

    async def _wait(self, grown: asyncio.Event, seen: int, deadline: float) -> bool:
        """Wait until the log has grown beyond ``seen``; False when the deadline came first."""
        if self._head > seen:
            return True
        try:
            async with asyncio.timeout_at(deadline):
                await grown.wait()
        except TimeoutError:
            return False
        return True

    async def depth(self, reader: str) -> BufferDepth:
        found = await self.call(lambda: self.lane.depth(reader))
        return msgspec.structs.replace(found, head=max(found.head, self._given))

    async def call(self, job: Callable[[], T]) -> T:
        """Run a job in the reading thread."""
        return await self._loop.run_in_executor(self._reading, job)

    async def close(self) -> None:
        self._closed = True
        self._wake()
        await asyncio.to_thread(self._commit.stop)
        await self._loop.run_in_executor(self._reading, self._release)
        self._reading.shutdown(wait=False)

    def _release(self) -> None:
        self.lane.close_writer()
        self.lane.close()

    def _placed(self, positions: Sequence[Position]) -> None:
        self._given = positions[-1].last

    def _settled(self, outcome: Outcome) -> None:
        if isinstance(outcome, JournalFailed):
            self._fail(self.lane.name, outcome.detail)
        elif not isinstance(outcome, JournalFull):
            self._head = outcome[-1].last
            self._placed(outcome)
            self._wake()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

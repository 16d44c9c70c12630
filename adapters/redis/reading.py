"""Reading a partition's stream: portions of frames, the wait for the next one, and what is no frame."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from adapters.redis.entries import MalformedEntry, frame_of, last_of
from adapters.redis.keys import PartitionKeys
from adapters.redis.server import Answer, RedisServer
from domain.errors import DeadLettersFull, JournalUnreachable
from domain.model.frames import Frame
from domain.model.observations import FrameQuarantined
from ports.ambient import Observer

MOST_FRAMES = 500  # of one portion: what a read keeps the server busy with
QUARANTINE_BYTES = 64 * 1024 * 1024  # of a partition; beyond it nothing is read past what is damaged
_LOOK_SECONDS = 1.0  # of one blocking look at an empty stream, if half a call's deadline is not less


class StreamReader:
    """Reads any partition's stream until it is closed."""

    def __init__(self, server: RedisServer, observer: Observer) -> None:
        self._server = server
        self._observer = observer
        self._closing = asyncio.Event()
        self._set_aside_through: dict[str, int] = {}  # by stream, a number

    @property
    def is_closed(self) -> bool:
        """Whether nothing is read any more."""
        return self._closing.is_set()

    def open(self) -> None:
        """Read from now on."""
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let waiting readers go."""
        self._closing.set()

    async def read(self, keys: PartitionKeys, behind: int, *, max_bytes: int, wait_seconds: float) -> Sequence[Frame]:
        """Frames behind a number of the stream: see ``WriteBuffer``.

        Raises JournalUnreachable, DeadLettersFull where the quarantine has no place for an entry that is no frame.
        """
        deadline = asyncio.get_running_loop().time() + wait_seconds
        try:
            return await self._read(keys, behind, max_bytes, deadline)
        except JournalUnreachable:
            if self.is_closed:  # which hung up on this very call
                return []
            raise

    async def _read(self, keys: PartitionKeys, behind: int, max_bytes: int, deadline: float) -> Sequence[Frame]:
        while not self.is_closed:
            entries = await self._server.run("read", [keys.frames], behind, max_bytes, MOST_FRAMES)
            if frames := await self._readable(keys, entries):
                return frames
            if entries:
                behind = last_of(entries[-1][0])
                continue
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await self._growth(keys.frames, behind, min(left, _LOOK_SECONDS, self._server.call_seconds / 2))
        return []

    async def _readable(self, keys: PartitionKeys, entries: Sequence[Answer]) -> list[Frame]:
        """The frames among entries; what is none is set aside, and whoever reads sees a gap.

        Where that has no place, the frames before it go on.
        """
        frames: list[Frame] = []
        for entry_id, fields in entries:
            try:
                frames.append(frame_of(keys.partition, entry_id, fields))
            except MalformedEntry as error:
                try:
                    await self._set_aside(keys, entry_id, fields, str(error))
                except DeadLettersFull:
                    if frames:
                        break
                    raise
        return frames

    async def _set_aside(self, keys: PartitionKeys, entry_id: bytes, fields: Sequence[bytes], reason: str) -> None:
        if (number := last_of(entry_id)) <= self._set_aside_through.get(keys.frames, -1):
            return  # before, and somebody may have removed the copy since
        copy = msgspec.msgpack.encode([entry_id, list(fields)])
        kept = await self._server.run("set_aside", [keys.state, keys.quarantine], copy, QUARANTINE_BYTES)
        if kept < 0:
            raise DeadLettersFull(
                f"Entry {number} of {keys.frames} in Redis is no frame, and {keys.quarantine}, where such ones are set "
                f"aside, has {QUARANTINE_BYTES >> 20} MiB of them. Look at what is in it, then remove that key."
            )
        self._set_aside_through[keys.frames] = number
        if kept:
            size = sum(map(len, fields))
            self._observer(FrameQuarantined(lane=keys.lane, segment=keys.frames, offset=0, size=size, reason=reason))

    async def _growth(self, frames: str, behind: int, seconds: float) -> None:
        """Wait for an entry, for the time to pass, or for the end of the log."""
        look = ("XREAD", "COUNT", 1, "BLOCK", max(1, int(seconds * 1000)), "STREAMS", frames, f"{behind}-0")
        looking = asyncio.create_task(self._server.ask(*look))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait((looking, closing), return_when=asyncio.FIRST_COMPLETED)
            if looking.done():
                looking.result()
        finally:
            looking.cancel()
            closing.cancel()
            await asyncio.gather(looking, closing, return_exceptions=True)

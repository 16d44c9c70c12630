"""Which records were written to a collection's backend, for somebody who follows it from outside.

Who copies a backend that goes on being written need not read it whole again and again: the pending log knows every
record that passes through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from domain.errors import AbilityMissing, Conflict
from domain.model.frames import BufferDepth, Frame
from domain.model.records import Record
from domain.services.schema import RecordSchema, Schemas
from ports.ambient import Clock, Ids
from ports.write_buffer import PendingLog

FORGOTTEN_SECONDS = 60.0  # without a question, after which nobody follows any more
MAX_KEYS = 500_000  # that wait to be asked for
_LOOK_BYTES = 8 * 1024 * 1024  # of payload at a time


class Trail:
    """A pending log that notes, of the lanes that somebody follows, the keys of what is stored."""

    def __init__(self, log: PendingLog, schemas: Schemas, ids: Ids, clock: Clock, shared: int = 0) -> None:
        """``shared``: whether workers elsewhere drain, whose writes are not seen here."""
        self._log = log
        self._schemas = schemas
        self._ids = ids
        self._clock = clock
        self._shared = shared
        self._followed: dict[str, _Followed] = {}

    def follow(self, lane: str, name: str | None = None) -> tuple[str, Sequence[str]]:
        """Begin to note a lane, or (``name``: of what was begun) take the keys that were noted since the last call.

        Every write that was not yet in the backend at the beginning is told, at the latest once it is applied. Returns
        the name and the keys. Raises Conflict where that has ended: somebody else has begun, or nobody asked for long.
        """
        if self._shared:
            raise AbilityMissing(f"Workers elsewhere drain {lane}: what they write cannot be followed from here.")
        if name is None:
            self._followed[lane] = _Followed(self._ids.request_id(), self._clock.monotonic())
        found = self._living(lane)
        if found is None or name not in (None, found.name):
            raise Conflict(f"Nobody follows {lane} by that name any more; begin again.")
        keys, found.keys, found.asked = sorted(found.keys), set(), self._clock.monotonic()
        return found.name, keys

    def is_followed(self, lane: str) -> bool:
        """Whether somebody follows a lane just now."""
        return self._living(lane) is not None

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """As the port says."""
        return await self._log.read(lane, partition, after, max_bytes=max_bytes, wait_seconds=wait_seconds)

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """As the port says; what the watermark passes is noted before its frames are gone."""
        if self._living(lane) is not None:
            await self._note(lane, partition, reader, through)
        await self._log.commit(lane, partition, reader, through)

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """As the port says."""
        return await self._log.depth(lane, reader, partition=partition)

    def _living(self, lane: str) -> _Followed | None:
        found = self._followed.get(lane)
        if found and (found.asked < self._clock.monotonic() - FORGOTTEN_SECONDS or len(found.keys) > MAX_KEYS):
            del self._followed[lane]
            return None
        return found

    async def _note(self, lane: str, partition: int, reader: str, through: int) -> None:
        schema = self._schemas.of(lane)
        after = (await self._log.depth(lane, reader, partition=partition)).committed
        while after < through:
            frames = await self._log.read(lane, partition, after, max_bytes=_LOOK_BYTES, wait_seconds=0)
            for frame in frames:
                if lane in self._followed and frame.sequence <= through:
                    self._followed[lane].keys.update(keys_of(schema, frame))
                await asyncio.sleep(0)  # decoding thousands of records at once would hold up the intake
            after = frames[-1].last if frames else through


class _Followed:
    """A lane that somebody follows."""

    def __init__(self, name: str, asked: float) -> None:
        self.name = name
        self.asked = asked  # when, on the monotonic clock
        self.keys: set[str] = set()


def keys_of(schema: RecordSchema, frame: Frame) -> Sequence[str]:
    """The keys of a frame's records, but for those that today's rules refuse, which are stored nowhere."""
    try:
        return schema.outline(frame).keys
    except (ValueError, RecursionError, OverflowError):
        return [judged.key for judged in schema.salvage(frame) if isinstance(judged, Record)]

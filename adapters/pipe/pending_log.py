"""The pending log in a worker: every call is asked of the service, which owns the log's files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import TypeVar

import msgspec

from adapters.pipe.channel import MOST_BYTES, Channel
from adapters.pipe.messages import (
    Answer,
    Commit,
    Committed,
    Measure,
    Measured,
    Portion,
    Read,
    Refused,
    Request,
    ToWorker,
)
from domain.errors import Draining, JournalFailed, JournalFull, PersistenceError, Unavailable
from domain.model.frames import BufferDepth, Frame

A = TypeVar("A", Portion, Committed, Measured)

MOST_PAYLOAD = (
    MOST_BYTES // 4
)  # of one answer: leaves room for the heads of as many frames as fit into it, however small
_ERRORS: dict[str, type[PersistenceError]] = {kind.code: kind for kind in (JournalFull, JournalFailed, Draining)}


class PipedLog:
    """A ``PendingLog`` at the far end of a channel. Who receives from the channel hands answers to ``answered``."""

    def __init__(self, channel: Channel[ToWorker]) -> None:
        self._channel = channel
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[tuple[Answer, bytearray]]] = {}

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """Durable frames behind ``after``: see ``PendingLog``."""
        most = min(max_bytes, MOST_PAYLOAD)
        answer, payloads = await self._ask(
            lambda number: Read(number, lane, partition, after, most, wait_seconds), Portion
        )
        return _with_payloads(answer, payloads)

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """Move a reader's watermark: see ``PendingLog``."""
        await self._ask(lambda number: Commit(number, lane, partition, reader, through), Committed)

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """How much of a lane waits for a reader; what is asked through a pipe has one partition."""
        if partition:
            raise ValueError(f"The service's journal has no partition {partition}.")
        answer, _ = await self._ask(lambda number: Measure(number, lane, reader), Measured)
        return answer.depth

    def answered(self, answer: Answer, payloads: bytearray) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        asked = self._asked.pop(answer.number, None)
        if asked is not None and not asked.done():
            asked.set_result((answer, payloads))

    async def _ask(self, request: Callable[[int], Request], kind: type[A]) -> tuple[A, bytearray]:
        number = next(self._numbers)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._channel.post(request(number))
            answer, payloads = await asked
        finally:
            self._asked.pop(number, None)
        if isinstance(answer, Refused):
            raise _ERRORS.get(answer.code, Unavailable)(answer.detail)
        if not isinstance(answer, kind):
            raise Unavailable(f"The service answered {type(request(number)).__name__} with {type(answer).__name__}.")
        return answer, payloads


def _with_payloads(portion: Portion, payloads: bytearray) -> list[Frame]:
    rest, frames = memoryview(payloads), []
    if sum(portion.sizes) != len(rest):
        raise Unavailable(f"The service announced {sum(portion.sizes)} bytes of payload and sent {len(rest)}.")
    for frame, size in zip(portion.frames, portion.sizes, strict=True):
        frames.append(msgspec.structs.replace(frame, payload=bytes(rest[:size])))
        rest = rest[size:]
    return frames

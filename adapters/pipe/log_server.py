"""The service's side of a worker's pending log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from adapters.pipe.channel import Channel
from adapters.pipe.messages import (
    Commit,
    Committed,
    FromWorker,
    Measure,
    Measured,
    Portion,
    Read,
    Refused,
    Request,
)
from domain.errors import PersistenceError, UnexpectedFailure
from domain.model.frames import Frame
from ports.write_buffer import PendingLog


class LogServer:
    """Answers what a worker asks of the log, as many questions at once as it asks."""

    def __init__(self, log: PendingLog, channel: Channel[FromWorker], committed: Callable[[str, int], None]) -> None:
        """``committed``: told of a lane whose watermark has moved, before the worker is."""
        self._log = log
        self._channel = channel
        self._committed = committed
        self._moving: set[asyncio.Task[None]] = set()
        self._looking: set[asyncio.Task[None]] = set()

    def serve(self, request: Request) -> None:
        """Answer a request when its answer is there."""
        tasks = self._moving if isinstance(request, Commit) else self._looking
        task = asyncio.create_task(self._serve(request))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def close(self) -> None:
        """Drop what is only read; a watermark that is being moved arrives, and is told of."""
        for task in self._looking:
            task.cancel()
        tasks = self._looking | self._moving
        if tasks:
            await asyncio.wait(tasks)

    async def _serve(self, request: Request) -> None:
        try:
            answer, payloads = await self._answer(request)
            self._channel.post(answer, payloads)
        except PersistenceError as error:
            self._channel.post(Refused(request.number, error.code, error.detail))
        except Exception as error:  # the worker tries again and reports it, as it does with its own bugs
            self._channel.post(Refused(request.number, UnexpectedFailure.code, f"{type(error).__name__}: {error}"))

    async def _answer(self, request: Request) -> tuple[msgspec.Struct, Sequence[bytes]]:
        match request:
            case Read(number, lane, partition, after, max_bytes, wait):
                frames = await self._log.read(lane, partition, after, max_bytes=max_bytes, wait_seconds=wait)
                return _portion(number, frames)
            case Commit(number, lane, partition, reader, through):
                await self._log.commit(lane, partition, reader, through)
                self._committed(lane, through)
                return Committed(number), ()
            case Measure(number, lane, reader):
                return Measured(number, await self._log.depth(lane, reader)), ()


def _portion(number: int, frames: Sequence[Frame]) -> tuple[Portion, Sequence[bytes]]:
    payloads = [frame.payload for frame in frames]
    bare = tuple(msgspec.structs.replace(frame, payload=b"") for frame in frames)
    return Portion(number, bare, tuple(map(len, payloads))), payloads

"""What a worker process does: the flush engine's lanes, on backends of its own, over the service's log."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack

from adapters.pipe.channel import Channel, ChannelClosed
from adapters.pipe.messages import (
    Committed,
    Drain,
    Farewell,
    Greeting,
    Hurry,
    Measured,
    Ping,
    Pong,
    Portion,
    Ready,
    Refused,
    ToWorker,
)
from adapters.pipe.pending_log import PipedLog
from adapters.pipe.reports import PipedLogs, PipedObserver
from domain.errors import PersistenceError, StartFailure
from domain.services.lane import Lane
from domain.services.progress import Progress
from entrypoints.container import Container
from entrypoints.lifespan import opened
from entrypoints.settings import unpacked
from entrypoints.version import VERSION

_LOGS = logging.getLogger("persistence.worker")


async def work(channel: Channel[ToWorker], on_end: Callable[[], object]) -> int:
    """Drain what the service says, until it goes; returns the exit code. ``on_end``: told when the end has begun."""
    _LOGS.root.addHandler(PipedLogs(channel))
    code = 0
    try:
        await _Child(channel, await _greeted(channel)).run(on_end)
    except* ChannelClosed:
        pass  # the service is gone: nothing that is left to do would count
    except* PersistenceError as found:
        channel.post(Farewell(str(found.exceptions[0])))
    except* Exception:
        code = 1
        _LOGS.exception("The worker met a bug.")
        await asyncio.sleep(0)  # the line is posted by the loop
    await channel.sent()
    return code


async def _greeted(channel: Channel[ToWorker]) -> Greeting:
    message, _ = await channel.receive()
    if not isinstance(message, Greeting) or message.release != VERSION:
        release = message.release if isinstance(message, Greeting) else "unknown"
        raise StartFailure(f"release {VERSION} is installed, the service runs {release}; restart the service")
    return message


class _Child:
    def __init__(self, channel: Channel[ToWorker], greeting: Greeting) -> None:
        self._channel = channel
        self._log = PipedLog(channel)
        self._container = Container(settings=unpacked(greeting.settings), log=self._log, told=PipedObserver(channel))
        mine = tuple(c for c in self._container.collections() if c.name in greeting.lanes)
        self._container.collections.override(mine)
        self._lanes: dict[str, Lane] = {lane.collection.name: lane for lane in self._container.lanes()}
        self._progress = {name: Progress() for name in self._lanes}

    async def run(self, on_end: Callable[[], object]) -> None:
        """Open the backends, then drain. Raises ChannelClosed and PersistenceError, in a group."""
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(tasks, on_end))
            made = self._container
            await stack.enter_async_context(opened(made.tracing(), made.state(), made.backends()))
            gc.collect()
            gc.freeze()  # as the service does: what a start leaves behind is never garbage
            self._channel.post(Ready())

    async def _listen(self, tasks: asyncio.TaskGroup, on_end: Callable[[], object]) -> None:
        try:
            while True:
                message, payloads = await self._channel.receive()
                match message:
                    case Portion() | Committed() | Measured() | Refused():
                        self._log.answered(message, payloads)
                    case Drain(name, applied):
                        self._progress[name].reached(applied)
                        tasks.create_task(self._lanes[name].drain(self._progress[name], _nobody))
                    case Hurry(name, through):
                        self._progress[name].want(through)
                    case Ping():
                        self._channel.post(Pong())
                    case Greeting():
                        pass  # a second one says nothing new
        finally:
            on_end()


def _nobody(_lane: str, _through: int) -> None:
    """Where the watermark is moved, the service is told already."""

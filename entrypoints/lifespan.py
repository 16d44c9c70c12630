"""What is open while the service runs: the order of opening, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import IntEnum

from domain.services.flush import FlushEngine
from entrypoints.container import Container
from entrypoints.stop import Stop
from ports.resource import Resource


class Ending(IntEnum):
    """How a run ended; the process's exit code."""

    CLEAN = 0
    BROKEN = 70  # an fsync failed, or damaged frames are quarantined
    ROWS_REMAIN = 75  # acknowledged records stay in the journal for the next start


class Run:
    """One run of the service; ``ending`` and ``left`` are known when it is over."""

    def __init__(self) -> None:
        self.ending = Ending.CLEAN
        self.left = 0  # acknowledged records that stay in the journal


@asynccontextmanager
async def running(container: Container) -> AsyncIterator[Run]:
    """Open everything, replay in the background, and close in reverse, flushing within the configured time.

    Raises StartFailure, BackendError.
    """
    run = Run()
    buffer, flush = container.buffer(), container.flush()
    buffer.on_failure = container.stop().fail
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened(*resources(container)))
        await buffer.start()
        stack.push_async_callback(_settle, container, run)
        await flush.start()
        yield run


def resources(container: Container) -> list[Resource]:
    """What is opened, in order: the folder, its state file, the backends, the journal."""
    return [container.data_folder(), container.state(), *container.backends().values(), container.journal()]


@asynccontextmanager
async def opened(*resources: Resource) -> AsyncIterator[None]:
    """Open in order; close in reverse, whatever happens between."""
    async with AsyncExitStack() as stack:
        for resource in resources:
            stack.push_async_callback(resource.close)  # an open that fails half-way is closed too
            await resource.open()
        yield


async def _settle(container: Container, run: Run) -> None:
    """Take nothing more, write what the time allows, and judge."""
    buffer, flush, stop = container.buffer(), container.flush(), container.stop()
    buffer.refuse()
    run.left = await _last_flush(flush, container.settings().server.flush_seconds, stop)
    await buffer.stop()
    depths = await buffer.depths()
    if buffer.failed or stop.failed or any(depth.quarantined for depth in depths.values()):
        run.ending = Ending.BROKEN
    elif run.left:
        run.ending = Ending.ROWS_REMAIN


async def _last_flush(flush: FlushEngine, seconds: float, stop: Stop) -> int:
    flushing = asyncio.create_task(flush.stop(seconds))
    hurried = asyncio.create_task(stop.hurry.wait())
    await asyncio.wait((flushing, hurried), return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if flushing.done():
        return flushing.result()
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    return await flush.stop(0)

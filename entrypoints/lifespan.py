"""What is open while the service runs: the order of opening, and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import IntEnum

from domain.errors import JournalFailed
from entrypoints.container import Container
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
        await flush.start()
        stack.push_async_callback(flush.stop, 0)
        await buffer.start()
        stack.push_async_callback(_settle, container, run)
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
    seconds = container.settings().server.flush_seconds
    buffer.refuse()
    try:
        left = await stop.unless_hurried(flush.stop(seconds))
        run.left = await flush.stop(0) if left is None else left
        damaged = any(depth.quarantined for depth in (await buffer.depths()).values())
    except JournalFailed:
        damaged = True
    await buffer.stop()
    if damaged or buffer.failed or stop.failed:
        run.ending = Ending.BROKEN
    elif run.left:
        run.ending = Ending.ROWS_REMAIN

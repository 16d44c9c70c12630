"""What is open while the service runs: the order of opening, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import IntEnum
from functools import partial

from domain.errors import JournalFailed, JournalUnreachable
from domain.model.observations import UncleanStart
from domain.services.ending import ended
from domain.services.flush import FlushEngine
from domain.services.retention import Retention
from domain.services.rewrapping import Rewrapping
from entrypoints.container import Container
from entrypoints.settings import Settings
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
    container.backends().turned = partial(_turn, container)
    container.backends().vetted = container.encryption().prepare
    container.backends().standing_by = container.drains().standing_by
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened(*resources(container)))
        report_absent(container)
        if not container.settings().shared_partitions:
            if await container.data_folder().begin():
                container.observer()(UncleanStart())
            stack.push_async_callback(_mark, container, run)
        stack.push_async_callback(container.holds().close)
        await flush.start()
        stack.push_async_callback(_stop, flush)
        await buffer.start()
        stack.push_async_callback(_settle, container, run)
        await stack.enter_async_context(container.filing().watch.running())
        await stack.enter_async_context(container.searching().running())
        await stack.enter_async_context(_sweeping(container.retention()))
        await stack.enter_async_context(
            container.encryption().running(_rewrapping(container), container.registry().backend)
        )
        yield run


def resources(container: Container) -> list[Resource]:
    """What is opened, in order: tracing, keyring, folder, state file, backends, keys, object store, search index,
    journal, cache."""
    shared = container.settings().shared_partitions
    folder = [] if shared else [container.data_folder()]  # where the log is shared, nothing durable is in it
    stores = (container.state(), container.backends(), container.credentials())
    kept = (*stores, container.filing().watch, container.searching())
    beside = (container.cache(), container.limiting())  # the cache asks the backends, and ends before them
    return [container.tracing(), container.encryption(), *folder, *kept, container.journal(), *beside]


def report_absent(container: Container) -> None:
    """Say which backends are opened later."""
    for absent in container.backends().absent:
        container.observer()(absent)


@asynccontextmanager
async def opened(*resources: Resource) -> AsyncIterator[None]:
    """Open in order; close in reverse, whatever happens between."""
    async with AsyncExitStack() as stack:
        for resource in resources:
            stack.push_async_callback(resource.close)  # an open that fails half-way is closed too
            await resource.open()
        yield


@asynccontextmanager
async def _sweeping(retention: Retention) -> AsyncIterator[None]:
    """Old records go in the background."""
    sweeping = asyncio.create_task(retention.run(), name="retention")
    try:
        yield
    finally:
        await ended(sweeping)


def _rewrapping(container: Container) -> Rewrapping:
    return Rewrapping(
        container.registry(),
        container.sealing(),
        container.query().settle,
        container.trail().is_followed,
        container.observer(),
        container.clock(),
        letters=container.dead_letters(),
    )


async def _turn(container: Container, settings: Settings) -> None:
    """Other backends, routes or keys serve from here on: so may others drain."""
    container.encryption().turn()
    await container.credentials().turn(settings)
    async with container.drains().prepared(settings) as lanes:
        await container.flush().turn_to(lanes)


async def _mark(container: Container, run: Run) -> None:
    """Tell the next start that this run has ended by itself."""
    if run.ending is not Ending.BROKEN:
        await container.data_folder().end()


async def _stop(flush: FlushEngine) -> None:
    with suppress(JournalUnreachable):  # whatever is in it is in it
        await flush.stop(0)


async def _settle(container: Container, run: Run) -> None:
    """Take nothing more, write what the time allows, and judge."""
    buffer, flush, stop = container.buffer(), container.flush(), container.stop()
    seconds = container.settings().server.flush_seconds
    buffer.refuse()
    if container.settings().shared_partitions:
        await buffer.stop()
        return  # what waits is for the workers to write
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

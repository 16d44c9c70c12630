"""Looks after the object store while the service runs: is it there, and what is left in it that no file names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from domain.errors import BackendUnavailable, PersistenceError, UnexpectedFailure
from domain.model.observations import ObjectStoreLost, ObjectStoreRegained, OrphansCollected, SweepFailed
from domain.model.records import HealthStatus
from domain.services.ending import ended
from domain.services.orphans import OrphanSweeper
from ports.ambient import Observer
from ports.object_store import ObjectStore
from ports.resource import Resource

LOOK_SECONDS = 15.0
SWEEP_SECONDS = 3600.0


class OpenableObjectStore(ObjectStore, Resource, Protocol):
    """An object store as it is built: closed, and without any I/O."""


class StoreWatch:
    """Opens the store, now or as soon as it answers; reports when it goes and comes; collects orphans."""

    def __init__(
        self,
        objects: OpenableObjectStore | None,
        sweeper: OrphanSweeper | None,
        instance: Callable[[], int | None],
        observer: Observer,
        *,
        look_seconds: float = LOOK_SECONDS,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """``objects`` and ``sweeper``: None where files are off; ``instance``: whose orphans are collected."""
        self._objects = objects
        self._sweeper = sweeper
        self._instance = instance
        self._observer = observer
        self._look_seconds = look_seconds
        self._sweep_seconds = sweep_seconds
        self._is_there = True  # as long as nothing else was found

    async def open(self) -> None:
        """Open the store; one that does not answer is opened later. Raises StartFailure, BackendExhausted."""
        if self._objects is not None:
            try:
                await self._objects.open()
            except BackendUnavailable as error:
                self._found(healthy=False, detail=error.detail)

    async def close(self) -> None:
        """Close the store."""
        if self._objects is not None:
            await self._objects.close()

    async def health(self) -> HealthStatus | None:
        """How the store is; None where files are off."""
        return None if self._objects is None else await self._objects.health_check()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look after the store in the background."""
        if self._objects is None or self._sweeper is None:
            yield
            return
        tasks = [asyncio.create_task(self._look(self._objects)), asyncio.create_task(self._sweep(self._sweeper))]
        try:
            yield
        finally:
            await ended(*tasks)

    async def _look(self, objects: OpenableObjectStore) -> None:
        while True:
            status = await _looked_at(objects)
            self._found(healthy=status.healthy, detail=status.detail)
            await asyncio.sleep(self._look_seconds)

    def _found(self, *, healthy: bool, detail: str) -> None:
        if healthy is not self._is_there:
            self._is_there = healthy
            self._observer((ObjectStoreRegained if healthy else ObjectStoreLost)(detail=detail))

    async def _sweep(self, sweeper: OrphanSweeper) -> None:
        while True:
            await asyncio.sleep(self._sweep_seconds)
            try:
                swept = await sweeper.sweep(self._instance())
            except Exception as error:  # a bug, too, must not end the watch
                known = error if isinstance(error, PersistenceError) else UnexpectedFailure(_bug(error))
                self._observer(SweepFailed(error=known.code, detail=known.detail))
                continue
            if swept.removed:
                self._observer(OrphansCollected(seen=swept.seen, removed=swept.removed, freed_bytes=swept.freed_bytes))


async def _looked_at(objects: OpenableObjectStore) -> HealthStatus:
    """How a store is, opened where it was not; never raises, for nobody would look again."""
    try:
        status = await objects.health_check()
        if not status.healthy:
            with suppress(PersistenceError):  # its health says what is wrong
                await objects.open()
                status = await objects.health_check()
    except Exception as error:
        return HealthStatus(healthy=False, detail=_bug(error), latency_seconds=0.0)
    return status


def _bug(error: Exception) -> str:
    return f"The watch over the object store met a bug: {type(error).__name__}: {error}"

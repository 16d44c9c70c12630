"""``persistence worker``: one process among others that drain the shared buffer into the backends."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable

import msgspec

from adapters.telemetry.logs import ForeignLogs
from domain.errors import BackendUnavailable, InvalidConfiguration
from domain.services.gate import Gate
from domain.services.partition_worker import DrainedPartition, PartitionWorker
from entrypoints.assembly import build_lanes, build_worker_server
from entrypoints.container import Container
from entrypoints.http.server import HttpServer
from entrypoints.http.services import Doorway
from entrypoints.http.worker_probes import Probes
from entrypoints.lifespan import opened, report_absent
from entrypoints.process import reload_on_hangup
from entrypoints.settings import Settings
from entrypoints.shared_buffer import SharedBuffering
from ports.resource import Resource

_NO_INTAKE = 0  # the partition that a worker would append to, which it never does


async def drain(
    settings: Settings, announce: Callable[[], None], reread: Callable[[], Settings], *, burst: bool
) -> int:
    """Drain until a signal asks for the end, or (``burst``) until what is there now is applied; the exit code.

    Raises StartFailure, AddressInUse; where a burst finds a backend away, BackendUnavailable; where it loses the log,
    JournalUnreachable.
    """
    container = Container(settings=settings)
    container.buffering.add_args(_NO_INTAKE)
    container.backends().reread = reread
    logging.getLogger().addHandler(ForeignLogs(container.logs()))
    stop = container.stop()
    stop.listen()
    worker = build_worker(container)
    doors = build_doors(container, worker)
    known: list[Resource] = [container.credentials(), container.limiting()] if doors else []
    stores = (container.state(), container.backends(), container.journal())
    async with opened(container.tracing(), *doors, *known, *stores):
        report_absent(container)
        if burst:
            _require_all(container)
        for door in doors:
            await door.listen()
        gc.collect()
        gc.freeze()
        reload_on_hangup(container.backends(), stop)
        announce()
        await (worker.until_drained(stop.requested) if burst else worker.run(stop.requested))
    return 0


def _require_all(container: Container) -> None:
    """A burst is to end: it does not wait for a backend that may never come. Raises BackendUnavailable."""
    for absent in container.backends().absent:
        raise BackendUnavailable(f"{absent.detail} Nothing was written; run it again when the backend is there.")


def build_worker(container: Container) -> PartitionWorker:
    """Every partition of every collection, each behind a gate of its own."""
    settings, shared = container.settings(), container.buffering()
    if not isinstance(shared, SharedBuffering):
        raise InvalidConfiguration(
            'journal.type: "local" is drained by `persistence serve` itself; a worker is for a buffer that instances '
            'share, type = "redis".'
        )
    partitions: list[DrainedPartition] = []
    for collection in container.collections():
        for partition in range(settings.shared_partitions):
            gate = Gate(shared.journal, [collection.name])
            parts = msgspec.structs.replace(container.parts(), buffer=gate)
            (lane,) = build_lanes(settings, [collection], container.schemas(), parts, partition)
            partitions.append(DrainedPartition(lane, gate))
    return PartitionWorker(
        partitions,
        shared.journal,
        shared.leases,
        container.observer(),
        container.clock(),
        lease_seconds=settings.journal.lease_seconds,
        finish_seconds=settings.server.flush_seconds,
    )


def build_doors(container: Container, worker: PartitionWorker) -> list[HttpServer]:
    """Where it answers for itself: one address, or none."""
    doorway = Doorway(
        credentials=container.credentials(),
        limiting=container.limiting(),
        observer=container.observer(),
        audit=container.logs(),
        clock=container.clock(),
        ids=container.ids(),
    )
    probes = Probes(worker, container.registry(), doorway, container.metrics().render)
    server = build_worker_server(container.settings(), container.observer(), probes.app)
    return [] if server is None else [server]


def run(settings: Settings, announce: Callable[[], None], reread: Callable[[], Settings], *, burst: bool) -> int:
    """The same, from outside of an event loop."""
    return asyncio.run(drain(settings, announce, reread, burst=burst))

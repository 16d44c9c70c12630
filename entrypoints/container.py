"""The composition root: every part of the service named once, in the order in which one needs the other."""

from __future__ import annotations

from dependency_injector import containers, providers

from adapters.journal.write_buffer import LocalJournal
from adapters.sqlite.state import StateStore
from adapters.system.clock import SystemClock
from adapters.system.data_folder import DataFolder
from adapters.system.ids import SystemIds
from adapters.telemetry.fan_out import FanOut
from adapters.telemetry.metrics import Metrics
from domain.model.translation import BUILT_IN
from domain.services.buffer import BufferManager
from domain.services.changes import ChangeService
from domain.services.flush import FlushEngine
from domain.services.query import QueryService
from domain.services.receipts import ReceiptService
from domain.services.recovery import RecoveryService
from domain.services.revisions import RevisionIssuer
from domain.services.schema import Schemas
from entrypoints.assembly import build_about, build_bodies, build_lanes, build_logs, names
from entrypoints.backends import build_backends, build_registry
from entrypoints.http.server import HttpServer
from entrypoints.http.services import Services
from entrypoints.settings import Settings
from entrypoints.stop import Stop


class Container(containers.DeclarativeContainer):
    """Flat and synchronous: building a part does no I/O; ``lifespan.running`` opens what must be opened."""

    settings = providers.Dependency(instance_of=Settings)
    policy = settings.provided.buffer
    collections = providers.Object(BUILT_IN)
    lane_names = providers.Callable(names, collections)

    # what a pure service may not take from the air
    clock = providers.Singleton(SystemClock)
    ids = providers.Singleton(SystemIds)
    stop = providers.Singleton(Stop)
    logs = providers.Singleton(build_logs, settings, clock)
    metrics = providers.Singleton(Metrics, collections)
    observer = providers.Singleton(FanOut, providers.List(logs, metrics, stop))

    # what is opened, in this order, and closed in reverse
    data_folder = providers.Singleton(DataFolder, settings.provided.data_folder)
    state = providers.Singleton(StateStore, settings.provided.state_file)
    dead_letters, receipts = state.provided.dead_letters, state.provided.receipts
    backends = providers.Singleton(build_backends, settings, collections)
    journal = providers.Singleton(
        LocalJournal,
        settings.provided.journal_folder,
        lane_names,
        observer,
        clock,
        segment_bytes=settings.provided.journal.segment_bytes,
    )

    # services
    schemas = providers.Singleton(Schemas, collections)
    registry = providers.Singleton(build_registry, settings, backends, collections, observer, clock)
    issuer = providers.Singleton(RevisionIssuer, state.provided.revision_ceiling, clock)
    buffer = providers.Singleton(
        BufferManager, collections, schemas, journal, receipts, issuer, policy, observer, clock
    )
    lanes = providers.Singleton(
        build_lanes,
        settings,
        collections,
        schemas,
        buffer=journal,
        registry=registry,
        dead_letters=dead_letters,
        receipts=receipts,
        observer=observer,
        clock=clock,
    )
    flush = providers.Singleton(FlushEngine, lanes, journal, buffer)
    query = providers.Singleton(QueryService, registry, buffer, flush, policy)
    changes = providers.Singleton(ChangeService, registry, schemas, buffer, flush, query, receipts, policy, clock)
    recovery = providers.Singleton(RecoveryService, query, clock)
    receipt_service = providers.Singleton(ReceiptService, lane_names, journal, receipts, issuer)

    # the HTTP door
    services = providers.Singleton(
        Services,
        registry=registry,
        buffer=buffer,
        flush=flush,
        changes=changes,
        query=query,
        recovery=recovery,
        receipts=receipt_service,
        observer=observer,
        clock=clock,
        ids=ids,
        about=providers.Callable(build_about, settings, clock),
        render_metrics=metrics.provided.render,
        bodies=providers.Callable(build_bodies, settings),
    )
    server = providers.Singleton(
        HttpServer,
        services,
        host=settings.provided.server.host,
        port=settings.provided.server.port,
        keepalive_seconds=settings.provided.server.keepalive_seconds,
        finish_seconds=settings.provided.server.finish_seconds,
    )

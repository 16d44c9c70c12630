"""The composition root: every part of the service named once, in the order in which one needs the other."""

from __future__ import annotations

from dependency_injector import containers, providers

from adapters.system.clock import SystemClock
from adapters.system.data_folder import DataFolder
from adapters.telemetry.metrics import Metrics
from domain.model.built_in import BUILT_IN
from domain.services.buffer import BufferManager
from domain.services.changes import ChangeService
from domain.services.counted_log import CountedLog
from domain.services.dead_letters import DeadLetterService
from domain.services.flush import FlushEngine
from domain.services.gate import Gate
from domain.services.idempotency import Idempotency
from domain.services.intake import Intake
from domain.services.lane import LaneParts
from domain.services.query import QueryService
from domain.services.receipts import ReceiptService
from domain.services.recovery import RecoveryService
from domain.services.retention import Retention
from domain.services.revisions import RevisionIssuer
from domain.services.schema import Schemas
from domain.services.trail import Trail
from entrypoints import assembly
from entrypoints.backends import Backends
from entrypoints.caching import CachedReads
from entrypoints.credentials import Credentials
from entrypoints.drains import Drains
from entrypoints.encryption import Encryption
from entrypoints.filing import Filing
from entrypoints.holds import Holds
from entrypoints.http.services import Services
from entrypoints.limiting import Limiting
from entrypoints.searching import Searching
from entrypoints.settings import Settings
from entrypoints.shared_buffer import build_buffering, keyed
from entrypoints.stop import Stop


class Container(containers.DeclarativeContainer):
    """Flat and synchronous: building a part does no I/O; ``lifespan.running`` opens what must be opened."""

    settings, stop = providers.Dependency(instance_of=Settings), providers.Singleton(Stop)
    policy, shared, kept = settings.provided.buffer, settings.provided.shared_partitions, settings.provided.retention
    collections, lane_names = providers.Object(BUILT_IN), providers.Callable(assembly.names, BUILT_IN)

    # what a pure service may not take from the air
    clock, ids = providers.Singleton(SystemClock), providers.Singleton(assembly.build_ids, settings)
    logs, metrics = providers.Singleton(assembly.build_logs, settings, clock), providers.Singleton(Metrics, collections)
    told = providers.Singleton(assembly.build_observer, logs, metrics, stop)  # what a worker says, which traces itself
    tracing = providers.Singleton(assembly.build_tracing, settings, told, clock)
    observer = providers.Singleton(assembly.build_observer, told, tracing)
    ambient, encryption = (observer, clock), providers.Singleton(Encryption, settings, observer)

    # what is opened, in this order, and closed in reverse
    data_folder = providers.Singleton(DataFolder, settings.provided.data_folder)
    buffering = providers.Singleton(build_buffering, settings, lane_names, observer, clock)
    journal, state, keys = buffering.provided.journal, buffering.provided.state, buffering.provided.keys
    dead_letters, receipts, sealing = state.provided.dead_letters, state.provided.receipts, encryption.provided.sealing
    backends = providers.Singleton(Backends, settings, collections, observer, clock)
    credentials = providers.Singleton(Credentials, settings, observer, ids, clock)

    # services
    schemas, registry = providers.Singleton(Schemas, collections), backends.provided.registry
    issuer = providers.Singleton(RevisionIssuer, state.provided.revision_ceiling, clock)
    log, idempotency = providers.Singleton(keyed, journal, keys), providers.Singleton(Idempotency, keys, clock)
    buffer = providers.Singleton(BufferManager, collections, schemas, log, receipts, issuer, policy, *ambient, sealing)
    trail = providers.Singleton(Trail, log, schemas, ids, clock, shared)
    retention = providers.Singleton(Retention, registry, kept, trail.provided.is_followed, *ambient)
    counted, limiting = providers.Singleton(CountedLog, trail, ids), providers.Singleton(Limiting, settings, *ambient)
    gate = providers.Singleton(Gate, counted, lane_names)
    parts = providers.Singleton(LaneParts, gate, registry, dead_letters, receipts, policy, *ambient, ids)
    lanes = providers.Singleton(assembly.build_lanes, settings, collections, schemas, parts)
    drains = providers.Singleton(Drains, settings, lanes, gate, journal, told, clock)
    flush = providers.Singleton(FlushEngine, drains.provided.chosen.call(), gate, buffer, observer, gate)
    holds = providers.Singleton(Holds, gate, flush, backends, ids, shared)
    intake = providers.Singleton(Intake, schemas, buffer, flush, receipts, idempotency, policy, sealing)
    cache = providers.Singleton(CachedReads, settings, backends, counted, observer, clock)
    query = providers.Singleton(QueryService, registry, buffer, flush, policy, shared, cache.provided.caching, sealing)
    changes = providers.Singleton(ChangeService, registry, schemas, buffer, flush, query, receipts, policy, clock)
    letters = providers.Singleton(
        DeadLetterService,
        *(dead_letters, settings.provided.dead_letters, registry, schemas, buffer, flush, receipts, *ambient, sealing),
    )
    filing = providers.Singleton(Filing, backends, schemas, changes, query, buffer, dead_letters, ids, *ambient)
    searching = providers.Singleton(Searching, settings, schemas, registry, query, buffer, journal, observer)

    services = providers.Singleton(
        Services,
        credentials=credentials,
        backends=backends,
        registry=registry,
        buffer=buffer,
        intake=intake,
        flush=flush,
        holds=holds,
        trail=trail,
        changes=changes,
        query=query,
        recovery=providers.Singleton(RecoveryService, query, clock),
        receipts=providers.Singleton(ReceiptService, lane_names, journal, receipts, issuer, shared),
        dead_letters=letters,
        filing=filing,
        cache=cache,
        searching=searching,
        encryption=encryption,
        observer=observer,
        audit=logs,
        clock=clock,
        ids=ids,
        about=providers.Callable(assembly.build_about, settings, clock),
        render_metrics=metrics.provided.render,
        limiting=limiting,
        bodies=providers.Callable(assembly.build_bodies, settings),
    )
    server = providers.Singleton(assembly.build_server, settings, services)

"""Parts that take more than their constructor to build; none of it does I/O."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Literal, Protocol, TextIO

import msgspec

from adapters.system.ids import SystemIds
from adapters.telemetry.fan_out import FanOut
from adapters.telemetry.logs import LogObserver
from adapters.tracing.off import NoTracing
from domain.errors import missing_driver
from domain.model.collections import Collection
from domain.model.records import HealthStatus
from domain.services.lane import Lane, LaneParts
from domain.services.schema import Schemas
from entrypoints.http.app import create_app
from entrypoints.http.body import Bodies
from entrypoints.http.server import HttpServer, MakeApp
from entrypoints.http.services import About, Services
from entrypoints.http.tls import certificate_of
from entrypoints.sections import AdminSettings, ServerSettings, WorkerSettings
from entrypoints.settings import Settings
from entrypoints.version import VERSION
from ports.ambient import Clock, Observer
from ports.resource import Resource


class Tracing(Observer, Resource, Protocol):
    """An observer that has something to send."""

    async def health_check(self) -> HealthStatus:
        """Whether it would arrive."""
        ...


def build_ids(settings: Settings) -> SystemIds:
    """Identifiers, of traces among others, of which a share is sampled."""
    return SystemIds(settings.sample_ratio)


def build_observer(*observers: Observer) -> FanOut:
    """One in front of several."""
    return FanOut(observers)


def build_logs(settings: Settings, clock: Clock, stream: TextIO | None = None) -> LogObserver:
    """The log, on stdout unless another stream is named.

    It is readable on a terminal and JSON elsewhere, unless the configuration says which.
    """
    stream, style = stream or sys.stdout, settings.log.format
    if style == "auto":
        style = "console" if stream.isatty() else "json"
    return LogObserver(stream, clock, style=style, level=settings.log.level)


def build_tracing(settings: Settings, observer: Observer, clock: Clock) -> Tracing:
    """``observer``: told of spans that are lost. Raises StartFailure, InvalidConfiguration; does no I/O."""
    chosen = settings.tracing
    if not chosen.url:
        return NoTracing()
    try:
        from adapters.tracing.collector import exporter_to, resource_of
        from adapters.tracing.tracer import Tracer
    except ModuleNotFoundError as error:
        raise missing_driver("tracing.endpoint", error, "tracing") from error
    exporter = exporter_to(chosen.url, chosen.sent_headers, chosen.ca_file)
    return Tracer(exporter, resource_of(chosen.service_name, VERSION), observer, clock)


def names(collections: Sequence[Collection]) -> list[str]:
    """The lanes of the pending log: one per collection."""
    return [collection.name for collection in collections]


def build_lanes(
    settings: Settings, collections: Sequence[Collection], schemas: Schemas, parts: LaneParts, partition: int = 0
) -> list[Lane]:
    """One drain per collection, each with its own policy, of one partition of the pending log."""
    return [
        Lane(
            collection,
            schemas.of(collection.name),
            msgspec.structs.replace(parts, policy=settings.policy(collection.name)),
            partition,
        )
        for collection in collections
    ]


def build_about(settings: Settings, clock: Clock) -> About:
    """What this process is."""
    return About(version=VERSION, data_dir=str(settings.data_folder), started_at=clock.now())


def build_bodies(settings: Settings) -> Bodies:
    """The reader of request bodies."""
    return Bodies(seconds=settings.server.body_seconds, share=settings.quotas.in_flight_bytes)


def build_server(settings: Settings, services: Services) -> HttpServer:
    """The HTTP door."""
    return _listener(
        settings, services.observer, "server", partial(create_app, services, is_public=settings.admin.port is not None)
    )


def build_admin_server(settings: Settings, services: Services) -> HttpServer | None:
    """The door for operators; None where there is one door for all."""
    if settings.admin.port is None:
        return None
    return _listener(settings, services.observer, "admin", partial(create_app, services))


def build_worker_server(settings: Settings, observer: Observer, app: MakeApp) -> HttpServer | None:
    """The door of a worker that drains beside the instances; None where it does not listen."""
    return None if settings.worker.port is None else _listener(settings, observer, "worker", app)


def _listener(
    settings: Settings, observer: Observer, section: Literal["server", "admin", "worker"], app: MakeApp
) -> HttpServer:
    door = settings.server
    place: ServerSettings | AdminSettings | WorkerSettings = getattr(settings, section)
    return HttpServer(
        app,
        section=section,
        host=place.host,
        port=place.port or 0,
        keepalive_seconds=door.keepalive_seconds,
        finish_seconds=door.finish_seconds,
        max_connections=door.max_connections,
        certificate=certificate_of(door, observer),
    )

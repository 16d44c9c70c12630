"""The service about itself."""

from __future__ import annotations

import math

import msgspec
from aiohttp import web

from domain.errors import InvalidParameter
from domain.model.collections import Collection
from domain.model.frames import BufferDepth
from domain.model.query import EVERYTHING
from domain.model.records import HealthStatus
from entrypoints.http.abilities import has
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.parameters import only
from entrypoints.http.wire import Document, instant
from ports.abilities import Counting

FLUSH_SECONDS = 30.0
MAX_FLUSH_SECONDS = 300.0


async def info(call: Call) -> web.Response:
    """What runs here."""
    only(call.request)
    services, about = call.services, call.services.about
    answer = {
        "service": "persistence",
        "version": about.version,
        "instance": services.buffer.instance,
        "data_dir": about.data_dir,
        "started_at": instant(about.started_at),
        "uptime_seconds": round((services.clock.now() - about.started_at).total_seconds(), 3),
        "collections": [_described(call, collection) for collection in services.registry.collections],
    }
    return json_response(answer)


async def health(call: Call) -> web.Response:
    """How the journal and every backend are; a sick backend degrades the service, and intake goes on."""
    only(call.request)
    services = call.services
    backends = await services.registry.health()
    lanes = services.flush.states()
    well = all(found.healthy for found in backends.values()) and not any(lane.paused for lane in lanes.values())
    answer = {
        "status": ("ok" if well else "degraded") if services.buffer.accepting else "not_ready",
        "journal": {"accepting": services.buffer.accepting, "replaying": services.buffer.replaying},
        "backends": {name: _shown(status) for name, status in backends.items()},
        "collections": lanes,
    }
    return json_response(answer)


async def stats(call: Call) -> web.Response:
    """Stored records by status, and what waits, for each collection."""
    only(call.request)
    depths = await call.services.buffer.depths()
    found = {c.name: await _statistics(call, c, depths[c.name]) for c in call.services.registry.collections}
    return json_response({"collections": found})


async def buffers(call: Call) -> web.Response:
    """The pending log: how much waits, since when, and what holds it up."""
    only(call.request)
    depths, lanes = await call.services.buffer.depths(), call.services.flush.states()
    return json_response({"buffers": {name: _depth(depth) | {"flush": lanes[name]} for name, depth in depths.items()}})


async def flush(call: Call) -> web.Response:
    """Return when everything acknowledged before is stored."""
    text = only(call.request, "timeout").get("timeout")
    seconds = FLUSH_SECONDS if text is None else _seconds(text)
    await call.services.flush.flush(call.services.registry.collections, seconds)
    return json_response({"status": "flushed"})


def _shown(status: HealthStatus) -> HealthStatus:
    return msgspec.structs.replace(status, latency_seconds=round(status.latency_seconds, 6))


def _described(call: Call, collection: Collection) -> Document:
    return {
        "name": collection.name,
        "backend": call.services.registry.routes[collection.name],
        "key": collection.key,
        "fields": [field.name for field in collection.fields],
    }


async def _statistics(call: Call, collection: Collection, depth: BufferDepth) -> Document:
    by_status = None
    if "status" in collection.by_name and has(call.services.registry, collection, Counting):
        counting = call.services.registry.ability(collection, Counting)
        by_status = dict(await counting.count_by(collection, "status", EVERYTHING))
    total = sum(by_status.values()) if by_status is not None else None
    return {"stored": total, "by_status": by_status, "pending": depth.records, "accepted": depth.head}


def _depth(depth: BufferDepth) -> Document:
    document: Document = msgspec.to_builtins(depth)
    oldest = depth.oldest_accepted_at
    return document | {"records": depth.records, "oldest_accepted_at": instant(oldest) if oldest else None}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_FLUSH_SECONDS:
        raise InvalidParameter(f"`timeout` is a number of seconds above 0, at most {MAX_FLUSH_SECONDS:g}.")
    return seconds

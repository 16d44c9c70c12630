"""The service about itself."""

from __future__ import annotations

import msgspec
from aiohttp import web

from domain.errors import InvalidParameter, PersistenceError
from domain.model.collections import Collection
from domain.model.frames import BufferDepth
from domain.model.query import EVERYTHING, CountMode, Query, ordered
from domain.model.records import HealthStatus
from entrypoints.http import letter_wire
from entrypoints.http.abilities import abilities_of, has
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.parameters import only
from entrypoints.http.parameters import seconds as seconds_of
from entrypoints.http.wire import Document, instant
from ports.abilities import Counting

FLUSH_SECONDS = 30.0
HOLD_SECONDS = 30.0


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
    lanes, letters = services.flush.states(), await _letters(call)
    well = all(found.healthy for found in backends.values()) and not any(
        lane.paused or lane.lost for lane in lanes.values()
    )
    objects, cache, search = await services.filing.watch.health(), await services.cache.health(), await _search(call)
    keys = await services.credentials.health()
    well = (
        well
        and letters is not None
        and not letters["full"]
        and all(store is None or store.healthy for store in (objects, cache, keys))
        and (search is None or search["healthy"])
    )
    answer = {
        "status": ("ok" if well else "degraded") if services.buffer.accepting else "not_ready",
        "journal": {"accepting": services.buffer.accepting, "replaying": services.buffer.replaying},
        "backends": {name: _shown(status) for name, status in backends.items()},
        "objects": None if objects is None else _shown(objects),
        "cache": None if cache is None else _shown(cache),
        "keys": None if keys is None else _shown(keys),
        "search": search,
        "collections": lanes,
        "dead_letters": letters,
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
    held = call.services.holds.is_held
    found = {name: _depth(depth) | {"held": held(name), "flush": lanes[name]} for name, depth in depths.items()}
    return json_response({"buffers": found})


async def flush(call: Call) -> web.Response:
    """Return when everything acknowledged before is stored."""
    seconds = seconds_of(only(call.request, "timeout"), "timeout", FLUSH_SECONDS)
    await call.services.flush.flush(call.services.registry.collections, seconds, counts_holds=True)
    return json_response({"status": "flushed"})


async def hold(call: Call) -> web.Response:
    """Hold a collection's flush back for some seconds; intake and reads go on. Renew it by its name before it ends."""
    given = only(call.request, "seconds", "hold")
    seconds = seconds_of(given, "seconds", HOLD_SECONDS)
    collection = call.services.registry.collection(call.request.match_info["collection"])
    name = await call.services.holds.hold(collection, seconds, given.get("hold"))
    return json_response({"collection": collection.name, "hold": name, "held_seconds": seconds})


async def prepare(call: Call) -> web.Response:
    """Make ready what another backend needs to keep a collection, for a hold that begins soon."""
    given = only(call.request, "towards", "seconds")
    if "towards" not in given:
        raise InvalidParameter("`towards` is missing: the name of a configured backend.")
    collection = call.services.registry.collection(call.request.match_info["collection"])
    seconds = seconds_of(given, "seconds", HOLD_SECONDS)
    await call.services.holds.prepare(collection, given["towards"], seconds)
    return json_response({"collection": collection.name, "prepared": given["towards"], "prepared_seconds": seconds})


async def follow(call: Call) -> web.Response:
    """Note the keys of what is stored from now on, or tell those that were noted since; for who copies the backend."""
    name = only(call.request, "follow").get("follow")
    collection = call.services.registry.collection(call.request.match_info["collection"])
    name, keys = call.services.trail.follow(collection.name, name)
    return json_response({"collection": collection.name, "follow": name, "keys": keys})


async def release(call: Call) -> web.Response:
    """End a hold: read the configuration anew, and flush to where it says now."""
    held = only(call.request, "hold").get("hold")
    collection = call.services.registry.collection(call.request.match_info["collection"])
    return json_response(await call.services.holds.release(collection, held))


async def backends(call: Call) -> web.Response:
    """The configured backends with their settings, secrets masked, and what is kept in them."""
    only(call.request)
    serving, registry = call.services.backends, call.services.registry
    answer = {
        "generation": registry.generation,
        "backends": {
            name: {
                **configured.shown(),
                "collections": [kept for kept, backend in registry.routes.items() if backend == name],
            }
            for name, configured in serving.settings.backends.items()
        },
    }
    return json_response(answer)


async def routes(call: Call) -> web.Response:
    """Which backend each collection is kept in, and what that backend offers."""
    only(call.request)
    registry = call.services.registry
    found = {
        collection.name: {
            "backend": registry.routes[collection.name],
            "abilities": abilities_of(registry, collection),
        }
        for collection in registry.collections
    }
    return json_response({"generation": registry.generation, "routes": found})


async def reload(call: Call) -> web.Response:
    """Read the configuration anew and serve by its backends and routes, without a gap; moves no data."""
    only(call.request)
    return json_response(await call.services.backends.reload())


async def _letters(call: Call) -> Document | None:
    """How full the dead letters are; None where that cannot be told."""
    try:
        return letter_wire.filling(await call.services.dead_letters.level())
    except PersistenceError:
        return None


async def _search(call: Call) -> Document | None:
    """How the index is, and how far it is behind each collection; None where there is none."""
    service = call.services.searching.service
    status = await service.health()
    if status is None:
        return None
    feeds = await service.states()
    well = status.healthy and all(feed.state == "following" and feed.last_error is None for feed in feeds.values())
    shown: Document = msgspec.to_builtins(_shown(status))
    return shown | {"healthy": well, "collections": feeds}


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
    by_status, total = None, None
    if "status" not in collection.by_name:
        everything = Query(sort=ordered(collection), limit=1, count=CountMode.EXACT)
        total = (await call.services.query.find(collection, everything, lookup=call.lookup)).total
    elif has(call.services.registry, collection, Counting):
        by_status = dict(await call.services.query.count_by(collection, "status", EVERYTHING, call.lookup))
        total = sum(by_status.values())
    return {"stored": total, "by_status": by_status, "pending": depth.records, "accepted": depth.head}


def _depth(depth: BufferDepth) -> Document:
    document: Document = msgspec.to_builtins(depth)
    oldest = depth.oldest_accepted_at
    return document | {"records": depth.records, "oldest_accepted_at": instant(oldest) if oldest else None}

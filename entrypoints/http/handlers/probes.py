"""Where everything is, whether it lives, what it counts, and what its problems mean."""

from __future__ import annotations

import contextlib
import html

import msgspec
from aiohttp import web

from domain.errors import JournalFailed, PersistenceError, RouteNotFound, Unavailable
from domain.model.policies import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_RECORD_BYTES
from domain.model.query import MAX_PAGE_SIZE
from domain.services import strict_json
from domain.services.lane_states import measured
from entrypoints.http import list_parameters, pages
from entrypoints.http.abilities import abilities_of
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.causes import CAUSES
from entrypoints.http.errors import kinds, status_of, title_of
from entrypoints.http.openapi.problems import example_of
from entrypoints.http.parameters import only
from entrypoints.http.route import ELSEWHERE
from entrypoints.http.services import RenderMetrics
from entrypoints.http.wire import Document

LIMITS = {
    "batch_records": MAX_BATCH_RECORDS,
    "batch_bytes": MAX_BATCH_BYTES,
    "record_bytes": MAX_RECORD_BYTES,
    "page_size": MAX_PAGE_SIZE,
    "page_depth": list_parameters.MAX_DEPTH,
    "json_depth": strict_json.MAX_DEPTH,
    "number_digits": strict_json.MAX_DIGITS,
}
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text"
OPEN_METRICS_TYPE = f"{OPEN_METRICS}; version=1.0.0; charset=utf-8"


async def root(call: Call) -> web.Response:
    """Where everything is, what it takes, and what it can: a page for people, JSON for programs."""
    only(call.request)
    services = call.services
    answer = {
        "service": "persistence",
        "version": services.about.version,
        "links": _links(call),
        "limits": LIMITS,
        "abilities": {c.name: abilities_of(services.registry, c) for c in services.registry.collections},
    }
    return _home(answer) if pages.is_wanted(call.request) else json_response(answer, headers={"Vary": "Accept"})


async def live(call: Call) -> web.Response:
    """The process runs."""
    only(call.request)
    return json_response({"status": "live"})


async def ready(call: Call) -> web.Response:
    """Records can be journaled."""
    only(call.request)
    if call.services.buffer.failed:
        raise JournalFailed
    if not call.services.buffer.ready:
        raise Unavailable("The service starts or shuts down; records are not taken now.", retry_after=1.0)
    return json_response({"status": "ready"})


async def metrics(call: Call) -> web.Response:
    """The page that Prometheus reads; what waits is measured for it."""
    only(call.request)
    with contextlib.suppress(PersistenceError):  # a broken log shows in ready, and its counters here
        await call.services.buffer.depths()
        await call.services.dead_letters.level()
    for seen in measured(call.services.registry, call.services.flush.states()):
        call.services.observer(seen)
    return metrics_page(call.request, call.services.render_metrics)


def metrics_page(request: web.Request, render: RenderMetrics) -> web.Response:
    """What is counted, in the format that a scrape asks for."""
    asked = OPEN_METRICS in ",".join(request.headers.getall("Accept", [])).lower()
    kind = OPEN_METRICS_TYPE if asked else METRICS_TYPE
    return web.Response(body=render(open_metrics=asked), headers={"Content-Type": kind, "Vary": "Accept"})


async def problem(call: Call) -> web.Response:
    """What a problem's `type` means, and its cure: a page for people, JSON for programs."""
    only(call.request)
    code = call.request.match_info["code"]
    found = next((kind for kind in kinds() if kind.code == code), None)
    if found is None:
        raise RouteNotFound(f"No problem has the code {code[:80]!r}.")
    explained = _explained(found)
    return _page(explained) if pages.is_wanted(call.request) else json_response(explained, headers={"Vary": "Accept"})


def _explained(kind: type[PersistenceError]) -> Document:
    return {
        "type": f"/problems/{kind.code}",
        "title": title_of(kind),
        "status": status_of(kind),
        "code": kind.code,
        "cause": CAUSES[kind.code],
        "cure": kind.cure,
        "example": example_of(kind),
    }


def _page(explained: Document) -> web.Response:
    example = msgspec.json.format(msgspec.json.encode(explained["example"])).decode()
    texts = {name: str(value) for name, value in explained.items() if name != "example"}
    return pages.filled(pages.template("problem.html"), texts, {"example": html.escape(example)})


def _home(answer: Document) -> web.Response:
    markup = {
        "abilities": pages.terms({name: _words(*abilities) for name, abilities in answer["abilities"].items()}),
        "limits": pages.terms({_words(name): f"{number:,}" for name, number in answer["limits"].items()}),
        "problems": pages.links({code: f"/problems/{code}" for code in sorted(kind.code for kind in kinds())}),
    }
    return pages.filled(pages.template("home.html"), {"version": answer["version"]}, markup)


def _words(*names: str) -> str:
    return ", ".join(names).replace("_", " ") or "-"


def _links(call: Call) -> dict[str, list[str]]:
    """Every address with its methods."""
    resources = call.request.app.router.resources()
    return {
        resource.canonical: sorted(route.method for route in resource)
        for resource in resources
        if resource.canonical != ELSEWHERE
    }

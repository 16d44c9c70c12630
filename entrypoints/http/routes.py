"""Every address of the service, in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from domain.model.translation import SESSIONS, TASKS
from entrypoints.http.call import Call
from entrypoints.http.handlers import documents, probes, receipts, records, system, translation

Handler = Callable[[Call], Awaitable[web.StreamResponse]]
RESERVED = ("batch", "query", "aggregate", "export")  # words of the API, which win over a record's id


class Route(msgspec.Struct, frozen=True):
    """One row: GET also answers HEAD."""

    method: str
    template: str
    handler: Handler
    collection: str | None = None  # whose records it is about

    @property
    def pattern(self) -> str:
        """The router's pattern: an id is anything but a reserved word."""
        free = f":(?!(?:{'|'.join(RESERVED)})(?:/|\\Z))[^/]+"
        return self.template.replace("_id}", f"_id{free}}}")


_API = "/api/v1"
_SESSIONS = f"{_API}/translation/sessions"
_TASKS = f"{_API}/translation/tasks"
_RECOVERY = f"{_API}/translation/recovery"
_SYSTEM = f"{_API}/system"

ROUTES = (
    Route("POST", f"{_SESSIONS}/batch", records.accept, SESSIONS.name),
    Route("PATCH", f"{_SESSIONS}/batch", records.patch_many, SESSIONS.name),
    Route("GET", _SESSIONS, records.find, SESSIONS.name),
    Route("GET", f"{_SESSIONS}/{{session_id}}", translation.session_detail, SESSIONS.name),
    Route("PATCH", f"{_SESSIONS}/{{session_id}}", records.patch, SESSIONS.name),
    Route("DELETE", f"{_SESSIONS}/{{session_id}}", records.delete, SESSIONS.name),
    Route("GET", f"{_SESSIONS}/{{session_id}}/tasks", translation.session_tasks, TASKS.name),
    Route("POST", f"{_TASKS}/batch", records.accept, TASKS.name),
    Route("PATCH", f"{_TASKS}/batch", records.patch_many, TASKS.name),
    Route("GET", _TASKS, records.find, TASKS.name),
    Route("GET", f"{_TASKS}/{{task_id}}", records.get, TASKS.name),
    Route("PATCH", f"{_TASKS}/{{task_id}}", records.patch, TASKS.name),
    Route("DELETE", f"{_TASKS}/{{task_id}}", records.delete, TASKS.name),
    Route("GET", f"{_RECOVERY}/incomplete-sessions", translation.incomplete_sessions, SESSIONS.name),
    Route("POST", f"{_RECOVERY}/restore/{{session_id}}", translation.restore, SESSIONS.name),
    Route("GET", f"{_API}/receipts/{{receipt}}", receipts.status),
    Route("GET", f"{_SYSTEM}/info", system.info),
    Route("GET", f"{_SYSTEM}/health", system.health),
    Route("GET", f"{_SYSTEM}/stats", system.stats),
    Route("GET", f"{_SYSTEM}/buffers", system.buffers),
    Route("POST", f"{_SYSTEM}/flush", system.flush),
    Route("GET", "/", probes.root),
    Route("GET", "/health/live", probes.live),
    Route("GET", "/health/ready", probes.ready),
    Route("GET", "/metrics", probes.metrics),
    Route("GET", "/problems/{code}", probes.problem),
    Route("GET", "/openapi.json", documents.openapi),
    Route("GET", "/docs", documents.docs),
    Route("GET", "/docs/{file}", documents.asset),
)

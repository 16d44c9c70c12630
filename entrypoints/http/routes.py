"""Every address of the service, in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from domain.model.files import FILES
from domain.model.logs import LOGS
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS
from entrypoints.http.call import Call
from entrypoints.http.handlers import (
    dead_letters,
    documents,
    files,
    links,
    lists,
    probes,
    receipts,
    records,
    search,
    system,
    translation,
    uploads,
)
from entrypoints.http.handlers.uploads import UPLOADS

Handler = Callable[[Call], Awaitable[web.StreamResponse]]
RESERVED = ("batch", "query", "aggregate", "export")  # words of the API, which win over a record's id


class Route(msgspec.Struct, frozen=True):
    """One row: GET also answers HEAD."""

    method: str
    template: str
    handler: Handler
    collection: str | None = None  # whose records it is about
    reserved: tuple[str, ...] = RESERVED  # words that are no ids here

    @property
    def pattern(self) -> str:
        """The router's pattern: an id is anything but a reserved word."""
        free = f":(?!(?:{'|'.join(self.reserved)})(?:/|\\Z))[^/]+"
        return self.template.replace("_id}", f"_id{free}}}")


_API = "/api/v1"
_SESSIONS = f"{_API}/translation/sessions"
_TASKS = f"{_API}/translation/tasks"
_RECOVERY = f"{_API}/translation/recovery"
_FILES = f"{_API}/storage/files"
_USERS = f"{_API}/users"
_LOGS = f"{_API}/logs"
_SYSTEM = f"{_API}/system"
_LETTERS = f"{_SYSTEM}/dead-letters"

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
    Route("POST", _FILES, files.create_file, FILES.name),
    Route("GET", _FILES, records.find, FILES.name),
    Route("PUT", f"{_FILES}/{{file_id}}", files.put_file, FILES.name),
    Route("GET", f"{_FILES}/{{file_id}}", files.file_content, FILES.name),
    Route("PATCH", f"{_FILES}/{{file_id}}", files.patch_file, FILES.name),
    Route("DELETE", f"{_FILES}/{{file_id}}", records.delete, FILES.name),
    Route("GET", f"{_FILES}/{{file_id}}/info", records.get, FILES.name),
    Route("POST", f"{_FILES}/{{file_id}}/links", links.create_link, FILES.name),
    Route("GET", f"{_API}/search", search.find),
    Route("OPTIONS", UPLOADS, uploads.upload_abilities, FILES.name),
    Route("POST", UPLOADS, uploads.begin_upload, FILES.name),
    Route("GET", f"{UPLOADS}/{{upload_id}}", uploads.upload_state, FILES.name),
    Route("PATCH", f"{UPLOADS}/{{upload_id}}", uploads.append_upload, FILES.name),
    Route("DELETE", f"{UPLOADS}/{{upload_id}}", uploads.end_upload, FILES.name),
    Route("POST", f"{UPLOADS}/{{upload_id}}", uploads.overridden_upload, FILES.name),
    Route("POST", f"{UPLOADS}/{{upload_id}}/complete", uploads.complete_upload, FILES.name),
    Route("POST", f"{_USERS}/batch", records.replace_many, USERS.name),
    Route("PATCH", f"{_USERS}/batch", records.patch_many, USERS.name),
    Route("POST", _USERS, records.create, USERS.name),
    Route("GET", _USERS, records.find, USERS.name),
    Route("GET", f"{_USERS}/{{user_id}}", records.get, USERS.name),
    Route("PATCH", f"{_USERS}/{{user_id}}", records.patch, USERS.name),
    Route("DELETE", f"{_USERS}/{{user_id}}", records.delete, USERS.name),
    Route("POST", f"{_LOGS}/batch", records.accept, LOGS.name),
    Route("GET", _LOGS, records.find, LOGS.name),
    Route("POST", f"{_LOGS}/query", lists.query, LOGS.name),
    Route("GET", f"{_LOGS}/aggregate", lists.aggregate, LOGS.name),
    Route("GET", f"{_LOGS}/export", lists.export, LOGS.name),
    Route("GET", f"{_LOGS}/{{log_id}}", records.get, LOGS.name),
    Route("GET", f"{_API}/receipts/{{receipt}}", receipts.status),
    Route("GET", f"{_SYSTEM}/info", system.info),
    Route("GET", f"{_SYSTEM}/health", system.health),
    Route("GET", f"{_SYSTEM}/stats", system.stats),
    Route("GET", f"{_SYSTEM}/buffers", system.buffers),
    Route("POST", f"{_SYSTEM}/buffers/{{collection}}/prepare", system.prepare),
    Route("POST", f"{_SYSTEM}/buffers/{{collection}}/hold", system.hold),
    Route("POST", f"{_SYSTEM}/buffers/{{collection}}/release", system.release),
    Route("POST", f"{_SYSTEM}/buffers/{{collection}}/follow", system.follow),
    Route("POST", f"{_SYSTEM}/flush", system.flush),
    Route("GET", f"{_SYSTEM}/backends", system.backends),
    Route("GET", f"{_SYSTEM}/routes", system.routes),
    Route("POST", f"{_SYSTEM}/reload", system.reload),
    Route("POST", f"{_SYSTEM}/search/rebuild", search.rebuild),
    Route("GET", _LETTERS, dead_letters.find),
    Route("DELETE", _LETTERS, dead_letters.purge_many),
    Route("POST", f"{_LETTERS}/replay", dead_letters.replay_many),
    Route("GET", f"{_LETTERS}/{{letter_id}}", dead_letters.get, reserved=("replay",)),
    Route("DELETE", f"{_LETTERS}/{{letter_id}}", dead_letters.purge, reserved=("replay",)),
    Route("POST", f"{_LETTERS}/{{letter_id}}/replay", dead_letters.replay, reserved=("replay",)),
    Route("GET", "/", probes.root),
    Route("GET", "/health/live", probes.live),
    Route("GET", "/health/ready", probes.ready),
    Route("GET", "/metrics", probes.metrics),
    Route("GET", "/problems/{code}", probes.problem),
    Route("GET", "/openapi.json", documents.openapi),
    Route("GET", "/docs", documents.docs),
    Route("GET", "/docs/{file}", documents.asset),
)

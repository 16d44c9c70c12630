"""Every address of the service, in one table."""

from __future__ import annotations

from domain.model.access import Right
from domain.model.files import FILES
from domain.model.logs import LOGS
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS
from entrypoints.http.handlers import (
    dead_letters,
    documents,
    files,
    keyring,
    keys,
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
from entrypoints.http.handlers.keys import KEYS
from entrypoints.http.handlers.uploads import UPLOADS
from entrypoints.http.route import Route

KNOWN: Right | None = None  # a caller who is known needs no right

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
    Route("POST", f"{_SESSIONS}/batch", records.accept, Right.WRITE, SESSIONS.name),
    Route("PATCH", f"{_SESSIONS}/batch", records.patch_many, Right.WRITE, SESSIONS.name),
    Route("GET", _SESSIONS, records.find, Right.READ, SESSIONS.name),
    Route("GET", f"{_SESSIONS}/{{session_id}}", translation.session_detail, Right.READ, SESSIONS.name),
    Route("PATCH", f"{_SESSIONS}/{{session_id}}", records.patch, Right.WRITE, SESSIONS.name),
    Route("DELETE", f"{_SESSIONS}/{{session_id}}", records.delete, Right.WRITE, SESSIONS.name),
    Route("GET", f"{_SESSIONS}/{{session_id}}/tasks", translation.session_tasks, Right.READ, TASKS.name),
    Route("POST", f"{_TASKS}/batch", records.accept, Right.WRITE, TASKS.name),
    Route("PATCH", f"{_TASKS}/batch", records.patch_many, Right.WRITE, TASKS.name),
    Route("GET", _TASKS, records.find, Right.READ, TASKS.name),
    Route("GET", f"{_TASKS}/{{task_id}}", records.get, Right.READ, TASKS.name),
    Route("PATCH", f"{_TASKS}/{{task_id}}", records.patch, Right.WRITE, TASKS.name),
    Route("DELETE", f"{_TASKS}/{{task_id}}", records.delete, Right.WRITE, TASKS.name),
    Route("GET", f"{_RECOVERY}/incomplete-sessions", translation.incomplete_sessions, Right.READ, SESSIONS.name),
    Route(
        *("POST", f"{_RECOVERY}/restore/{{session_id}}", translation.restore, Right.READ, SESSIONS.name),
        also=TASKS.name,
        is_disclosing=True,
    ),
    Route("POST", _FILES, files.create_file, Right.WRITE, FILES.name),
    Route("GET", _FILES, records.find, Right.READ, FILES.name),
    Route("PUT", f"{_FILES}/{{file_id}}", files.put_file, Right.WRITE, FILES.name),
    Route("GET", f"{_FILES}/{{file_id}}", files.file_content, Right.READ, FILES.name),
    Route("PATCH", f"{_FILES}/{{file_id}}", files.patch_file, Right.WRITE, FILES.name),
    Route("DELETE", f"{_FILES}/{{file_id}}", records.delete, Right.WRITE, FILES.name),
    Route("GET", f"{_FILES}/{{file_id}}/info", records.get, Right.READ, FILES.name),
    Route("POST", f"{_FILES}/{{file_id}}/links", links.create_link, Right.READ, FILES.name),
    Route("GET", f"{_API}/search", search.find, Right.READ),
    Route("OPTIONS", UPLOADS, uploads.upload_abilities, Right.WRITE, FILES.name),
    Route("POST", UPLOADS, uploads.begin_upload, Right.WRITE, FILES.name),
    Route("GET", f"{UPLOADS}/{{upload_id}}", uploads.upload_state, Right.WRITE, FILES.name),
    Route("PATCH", f"{UPLOADS}/{{upload_id}}", uploads.append_upload, Right.WRITE, FILES.name),
    Route("DELETE", f"{UPLOADS}/{{upload_id}}", uploads.end_upload, Right.WRITE, FILES.name),
    Route("POST", f"{UPLOADS}/{{upload_id}}", uploads.overridden_upload, Right.WRITE, FILES.name),
    Route("POST", f"{UPLOADS}/{{upload_id}}/complete", uploads.complete_upload, Right.WRITE, FILES.name),
    Route("POST", f"{_USERS}/batch", records.replace_many, Right.WRITE, USERS.name),
    Route("PATCH", f"{_USERS}/batch", records.patch_many, Right.WRITE, USERS.name),
    Route("POST", _USERS, records.create, Right.WRITE, USERS.name),
    Route("GET", _USERS, records.find, Right.READ, USERS.name),
    Route("GET", f"{_USERS}/{{user_id}}", records.get, Right.READ, USERS.name),
    Route("PATCH", f"{_USERS}/{{user_id}}", records.patch, Right.WRITE, USERS.name),
    Route("DELETE", f"{_USERS}/{{user_id}}", records.delete, Right.WRITE, USERS.name),
    Route("POST", f"{_LOGS}/batch", records.accept, Right.WRITE, LOGS.name),
    Route("GET", _LOGS, records.find, Right.READ, LOGS.name),
    Route("POST", f"{_LOGS}/query", lists.query, Right.READ, LOGS.name),
    Route("GET", f"{_LOGS}/aggregate", lists.aggregate, Right.READ, LOGS.name),
    Route("GET", f"{_LOGS}/export", lists.export, Right.READ, LOGS.name, is_disclosing=True),
    Route("GET", f"{_LOGS}/{{log_id}}", records.get, Right.READ, LOGS.name),
    Route("GET", f"{_API}/receipts/{{receipt}}", receipts.status, Right.WRITE),
    Route("GET", f"{_SYSTEM}/info", system.info, Right.ADMIN),
    Route("GET", f"{_SYSTEM}/health", system.health, Right.ADMIN),
    Route("GET", f"{_SYSTEM}/stats", system.stats, Right.ADMIN),
    Route("GET", f"{_SYSTEM}/buffers", system.buffers, Right.ADMIN),
    Route("POST", f"{_SYSTEM}/buffers/{{collection}}/prepare", system.prepare, Right.ADMIN),
    Route("POST", f"{_SYSTEM}/buffers/{{collection}}/hold", system.hold, Right.ADMIN),
    Route("POST", f"{_SYSTEM}/buffers/{{collection}}/release", system.release, Right.ADMIN),
    Route("POST", f"{_SYSTEM}/buffers/{{collection}}/follow", system.follow, Right.ADMIN),
    Route("POST", f"{_SYSTEM}/flush", system.flush, Right.ADMIN),
    Route("GET", f"{_SYSTEM}/backends", system.backends, Right.ADMIN),
    Route("GET", f"{_SYSTEM}/routes", system.routes, Right.ADMIN),
    Route("POST", f"{_SYSTEM}/reload", system.reload, Right.ADMIN),
    Route("GET", f"{_SYSTEM}/keyring", keyring.show, Right.ADMIN),
    Route("POST", f"{_SYSTEM}/keyring/rewrap", keyring.rewrap, Right.ADMIN),
    Route("POST", f"{_SYSTEM}/search/rebuild", search.rebuild, Right.ADMIN),
    Route("GET", KEYS, keys.find, Right.ADMIN),
    Route("POST", KEYS, keys.create, Right.ADMIN),
    Route("DELETE", f"{KEYS}/{{key_id}}", keys.revoke, Right.ADMIN),
    Route("POST", f"{KEYS}/{{key_id}}/rotate", keys.rotate, Right.ADMIN),
    Route("GET", _LETTERS, dead_letters.find, Right.ADMIN, is_disclosing=True),
    Route("DELETE", _LETTERS, dead_letters.purge_many, Right.ADMIN),
    Route("POST", f"{_LETTERS}/replay", dead_letters.replay_many, Right.ADMIN),
    Route(
        *("GET", f"{_LETTERS}/{{letter_id}}", dead_letters.get, Right.ADMIN),
        reserved=("replay",),
        is_disclosing=True,
    ),
    Route("DELETE", f"{_LETTERS}/{{letter_id}}", dead_letters.purge, Right.ADMIN, reserved=("replay",)),
    Route("POST", f"{_LETTERS}/{{letter_id}}/replay", dead_letters.replay, Right.ADMIN, reserved=("replay",)),
    Route("GET", "/", probes.root, KNOWN),
    Route("GET", "/health/live", probes.live, KNOWN, is_open=True),
    Route("GET", "/health/ready", probes.ready, KNOWN, is_open=True),
    Route("GET", "/metrics", probes.metrics, KNOWN),
    Route("GET", "/problems/{code}", probes.problem, KNOWN),
    Route("GET", "/openapi.json", documents.openapi, KNOWN),
    Route("GET", "/docs", documents.docs, KNOWN),
    Route("GET", "/docs/{file}", documents.asset, KNOWN),
)

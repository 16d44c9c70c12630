"""A walk through every operation, with its stumbles: the examples of the API's description and of the problems' pages.

``make openapi`` records them anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapters.memory.object_store import MemoryObjectStore
from adapters.minio.object_store import MinioObjectStore
from adapters.minio.settings import MinioSettings
from adapters.system.clock import SystemClock
from domain.model.dead_letters import DeadLetter
from domain.model.secret import Secret
from entrypoints.http.openapi.problems import recorded
from tests.integration.http.running import API, Running, running, session, task

_FOLDER = Path(__file__).parents[3] / "entrypoints" / "http" / "openapi"
EXAMPLES, PROBLEMS = _FOLDER / "examples.json", _FOLDER / "problems.json"
SYSTEM = "/api/v1/system"
KEYS = f"{SYSTEM}/keys"
LETTERS = f"{SYSTEM}/dead-letters"
FILES = "/api/v1/storage/files"
USERS = "/api/v1/users"
LOGS = "/api/v1/logs"
UPLOADS = "/api/v1/storage/uploads"
SESSIONS = [session(name="Manual"), session("s2", status="pending")]
TASKS = [task("t1", source_text="Hello"), task("t2", source_text="World", priority=5)]

TUS = {"Tus-Resumable": "1.0.0"}
ANN = {"user_id": "ann", "email": "Ann@Example.com", "name": "Ann", "preferences": {"language": "de"}}
BOB = {"user_id": "bob", "email": "bob@example.com"}
TWIN = {"user_id": "twin", "email": "ann@example.com"}
LOG = {
    "log_id": "boot",
    "created_at": "2026-11-24T16:30:00Z",
    "level": "warning",
    "message": "The model was loaded late.",
    "service": "translator",
    "context": {"seconds": 41},
}
OUTDATED = task("t2", updated_at="2020-01-01T00:00:00Z")


class Sent(dict[str, Any]):
    """A body that is no JSON, and its headers."""


FORM = b"""--x\r
Content-Disposition: form-data; name="file_id"\r
\r
photo\r
--x\r
Content-Disposition: form-data; name="file"; filename="photo.png"\r
Content-Type: image/png\r
\r
PNG\r
--x--\r
"""
MANUAL = Sent(data=b"%PDF-1.7 ...", headers={"Content-Type": "application/pdf", "X-Metadata-Language": "de"})
BEGUN = Sent(headers=TUS | {"Upload-Length": "100", "Upload-Metadata": "file_id bm90ZXM=,filename bm90ZXMudHh0"})
WHOLE = Sent(headers=TUS | {"Upload-Length": "4", "Upload-Metadata": "file_id bm90ZXM=,filename bm90ZXMudHh0"})
SENT = Sent(data=b"some", headers=TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})
PHOTO = Sent(data=FORM, headers={"Content-Type": "multipart/form-data; boundary=x"})

STEPS: tuple[tuple[str, str, str, Any], ...] = (  # operation, method, address, body
    ("accept_sessions", "POST", f"{API}/sessions/batch", {"sessions": SESSIONS}),
    ("accept_tasks", "POST", f"{API}/tasks/batch", {"tasks": TASKS}),
    ("system_flush", "POST", f"{SYSTEM}/flush", None),
    ("receipts_status", "GET", "/api/v1/receipts/1.translation_tasks.1.1-2", None),
    ("patch_tasks", "PATCH", f"{API}/tasks/t1", {"status": "completed", "translated_text": "Hallo"}),
    ("patch_many_tasks", "PATCH", f"{API}/tasks/batch", {"tasks": [{"task_id": "t2", "status": "processing"}]}),
    ("patch_sessions", "PATCH", f"{API}/sessions/s1", {"metadata": {"reviewer": "ada"}}),
    (
        "patch_many_sessions",
        "PATCH",
        f"{API}/sessions/batch",
        {"sessions": [{"session_id": "s2", "status": "cancelled"}, {"session_id": "s9", "status": "failed"}]},
    ),
    ("get_tasks", "GET", f"{API}/tasks/t1", None),
    ("find_tasks", "GET", f"{API}/tasks?status__in=pending,processing", None),
    ("session_detail", "GET", f"{API}/sessions/s1", None),
    ("session_tasks", "GET", f"{API}/sessions/s1/tasks?fields=task_id,status&sort_by=priority&order=desc", None),
    ("find_sessions", "GET", f"{API}/sessions?page_size=1&sort_by=session_id", None),
    ("search_find", "GET", "/api/v1/search?q=hello&facets=status&consistency=strong", None),
    ("incomplete_sessions", "GET", f"{API}/recovery/incomplete-sessions", None),
    ("restore", "POST", f"{API}/recovery/restore/s1", None),
    ("put_file", "PUT", f"{FILES}/manual?name=Manual.pdf", MANUAL),
    ("put_file_200", "PUT", f"{FILES}/manual?name=Manual.pdf", MANUAL),
    ("create_file", "POST", FILES, PHOTO),
    ("get_files", "GET", f"{FILES}/manual/info", None),
    ("patch_file", "PATCH", f"{FILES}/manual", {"name": "Manual (2026).pdf", "metadata": {"year": "2026"}}),
    ("create_link", "POST", f"{FILES}/manual/links", {"method": "GET", "expires_in": 60}),
    ("find_files", "GET", f"{FILES}?content_type__prefix=image/&sort_by=size", None),
    ("upload_abilities", "OPTIONS", UPLOADS, None),
    ("begin_upload", "POST", UPLOADS, BEGUN),
    ("upload_state", "GET", f"{UPLOADS}/{{upload}}", None),
    ("append_upload", "PATCH", f"{UPLOADS}/{{upload}}", SENT),
    ("overridden_upload", "POST", f"{UPLOADS}/{{upload}}", Sent(headers=TUS | {"X-HTTP-Method-Override": "DELETE"})),
    ("begin_upload", "POST", UPLOADS, BEGUN),
    ("end_upload", "DELETE", f"{UPLOADS}/{{upload}}", Sent(headers=TUS)),
    ("begin_upload", "POST", UPLOADS, WHOLE),
    ("append_upload", "PATCH", f"{UPLOADS}/{{upload}}", SENT),
    ("complete_upload", "POST", f"{UPLOADS}/{{upload}}/complete", Sent()),
    ("create_users", "POST", USERS, ANN),
    ("replace_many_users", "POST", f"{USERS}/batch", {"users": [BOB, TWIN]}),
    ("patch_users", "PATCH", f"{USERS}/ann", {"preferences": {"theme": "dark"}}),
    ("patch_many_users", "PATCH", f"{USERS}/batch", {"users": [{"user_id": "bob", "name": "Bob"}]}),
    ("get_users", "GET", f"{USERS}/ann", None),
    ("find_users", "GET", f"{USERS}?email_normalized=ANN@example.com", None),
    ("delete_users", "DELETE", f"{USERS}/bob", None),
    ("accept_logs", "POST", f"{LOGS}/batch", {"logs": [LOG]}),
    ("get_logs", "GET", f"{LOGS}/boot", None),
    ("find_logs", "GET", f"{LOGS}?level__in=error,critical&from_date=2026-11-24", None),
    (
        "query_logs",
        "POST",
        f"{LOGS}/query",
        {"filter": {"or": [{"level": "error"}, {"message": {"contains": "late"}}]}, "consistency": "strong"},
    ),
    ("aggregate_logs", "GET", f"{LOGS}/aggregate?group_by=level&consistency=strong", None),
    ("keys_create", "POST", KEYS, {"name": "importer", "scopes": ["read", "write:translation_tasks"]}),
    ("keys_rotate", "POST", f"{KEYS}/{{key}}/rotate", None),
    ("keys_find", "GET", KEYS, None),
    ("keys_revoke", "DELETE", f"{KEYS}/{{key}}", None),
    ("system_info", "GET", f"{SYSTEM}/info", None),
    ("system_health", "GET", f"{SYSTEM}/health", None),
    ("system_stats", "GET", f"{SYSTEM}/stats", None),
    ("system_buffers", "GET", f"{SYSTEM}/buffers", None),
    ("system_backends", "GET", f"{SYSTEM}/backends", None),
    ("system_routes", "GET", f"{SYSTEM}/routes", None),
    ("system_reload", "POST", f"{SYSTEM}/reload", None),
    ("keyring_show", "GET", f"{SYSTEM}/keyring", None),
    ("keyring_rewrap", "POST", f"{SYSTEM}/keyring/rewrap", None),
    ("system_prepare", "POST", f"{SYSTEM}/buffers/translation_tasks/prepare?towards=main&seconds=5", None),
    ("system_hold", "POST", f"{SYSTEM}/buffers/translation_tasks/hold?seconds=5", None),
    ("system_release", "POST", f"{SYSTEM}/buffers/translation_tasks/release", None),
    ("system_follow", "POST", f"{SYSTEM}/buffers/translation_tasks/follow", None),
    ("search_rebuild", "POST", f"{SYSTEM}/search/rebuild?collection=translation_sessions", None),
    ("probes_live", "GET", "/health/live", None),
    ("probes_ready", "GET", "/health/ready", None),
    ("probes_problem", "GET", "/problems/record_not_found", None),
    ("delete_tasks", "DELETE", f"{API}/tasks/t2", None),
    ("delete_files", "DELETE", f"{FILES}/photo", None),
    ("delete_sessions", "DELETE", f"{API}/sessions/s2", None),
    ("dead_letters_find", "GET", f"{LETTERS}?code=record_refused&page_size=2", None),
    ("dead_letters_get", "GET", f"{LETTERS}/translation_tasks.91.913018532726546433", None),
    (
        "dead_letters_replay",
        "POST",
        f"{LETTERS}/translation_tasks.91.913018532726546433/replay",
        task("t11", source_text="Well"),
    ),
    ("dead_letters_replay_many", "POST", f"{LETTERS}/replay?code=record_refused&limit=1", None),
    ("dead_letters_purge", "DELETE", f"{LETTERS}/translation_tasks.93.913018532726546433", None),
    ("dead_letters_purge_many", "DELETE", f"{LETTERS}?collection=translation_tasks", None),
    ("accept_sessions_200", "POST", f"{API}/sessions/batch?ack=stored", {"sessions": SESSIONS}),
    ("accept_tasks_200", "POST", f"{API}/tasks/batch?ack=stored", {"tasks": [TASKS[0], OUTDATED]}),
    ("accept_logs_200", "POST", f"{LOGS}/batch?ack=stored", {"logs": [LOG | {"level": "error"}]}),
)
DIGEST = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"  # of nothing
NEW = task("t3", source_text="?")
KEY = {"Idempotency-Key": "3f1c8a52-import-17"}
JSON = {"Content-Type": "application/json"}
LATE = {"retry_count": 1, "updated_at": "2020-01-01T00:00:00Z"}
STUMBLES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (  # code, method, address, what the client is told
    ("malformed_body", "POST", f"{API}/tasks/batch", {"data": b'{"tasks": [{"task_id": ', "headers": JSON}),
    ("invalid_parameter", "GET", f"{API}/tasks?state=pending", {}),
    ("invalid_cursor", "GET", f"{API}/tasks?cursor=WyJ5", {}),
    ("invalid_records", "POST", f"{API}/tasks/batch", {"json": {"tasks": [NEW, NEW | {"status": "lost"}]}}),
    ("payload_too_large", "POST", f"{API}/tasks/batch", {"json": {"tasks": [{}] * 10_001}}),
    ("unsupported_media_type", "POST", f"{API}/tasks/batch", {"data": b"a,b", "headers": {"Content-Type": "text/csv"}}),
    ("idempotency_key_reused", "POST", f"{API}/tasks/batch", {"json": {"tasks": TASKS}, "headers": KEY}),
    ("foreign_origin", "POST", f"{SYSTEM}/flush", {"headers": {"Origin": "https://evil.example"}}),
    ("route_not_found", "GET", f"{API}/task", {}),
    ("method_not_allowed", "DELETE", f"{API}/tasks", {}),
    ("record_not_found", "GET", f"{API}/tasks/t9", {}),
    ("receipt_not_found", "GET", "/api/v1/receipts/1-2", {}),
    ("receipt_elsewhere", "GET", "/api/v1/receipts/7.translation_tasks.1.1-2", {}),
    ("unknown_collection", "POST", f"{SYSTEM}/buffers/tasks/hold", {}),
    ("conflict", "POST", f"{SYSTEM}/buffers/translation_tasks/release?hold=over", {}),
    ("dead_letter_not_found", "GET", f"{LETTERS}/translation_tasks.9.9", {}),
    ("not_replayable", "POST", f"{LETTERS}/translation_tasks.99.0/replay", {}),
    ("session_finished", "POST", f"{API}/recovery/restore/s3", {}),
    ("version_stale", "PATCH", f"{API}/tasks/t4", {"json": LATE}),
    ("precondition_failed", "PATCH", f"{API}/tasks/t1", {"json": {"priority": 1}, "headers": {"If-Match": '"old"'}}),
    ("value_taken", "POST", USERS, {"json": TWIN}),
    ("range_not_satisfiable", "GET", f"{FILES}/manual", {"headers": {"Range": "bytes=100-"}}),
    ("protocol_version_unknown", "POST", UPLOADS, {"headers": {"Upload-Length": "100"}}),
    ("upload_not_found", "DELETE", f"{UPLOADS}/018f3a", {"headers": TUS}),
    ("key_not_found", "DELETE", f"{KEYS}/k3yxbmxy4zq2mfrw", {}),
    ("digest_mismatch", "PUT", f"{FILES}/other", {"data": b"content", "headers": {"Content-Digest": DIGEST}}),
)
REFUSED: tuple[tuple[str, str, str, dict[str, Any]], ...] = (  # where callers are asked for keys
    ("unauthenticated", "GET", f"{API}/tasks", {}),
    ("credential_in_address", "GET", f"{API}/tasks?api_key=ps_k3yxbmxy4zq2mfrw.secret", {}),
    ("missing_scope", "POST", f"{API}/tasks/batch", {"json": {"tasks": TASKS}}),
)
MOVING = {  # what differs from walk to walk
    "created_at": "2026-11-24T10:49:41.205696Z",
    "updated_at": "2026-11-24T10:49:41.266665Z",
    "restored_at": "2026-11-24T10:49:41.341267Z",
    "started_at": "2026-11-24T10:49:40.000000Z",
    "revision": "913018532726546432",
    "next_cursor": "WyJ5UWNQWU1HNVRERWoiLFsiczEiXV0",
    "before": "2026-11-24T10:49:41.390024Z",
    "uptime_seconds": 1.25,
    "latency_seconds": 0.000457,
    "version": "0.1.0",
    "data_dir": "./data",
    "object": "6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090-1-01a20d2c-fb03-7f06-9b8d-964f0a1cdd41",
    "upload_id": "01a20d2cfb037f069b8d964f0a1cdd43",
    "expires_at": "2026-11-25T10:49:41.205696Z",
    "url": "https://files.example/files/6ca13d52-1-01a20d2c?X-Amz-Expires=60&X-Amz-Signature=...",
    "key_id": "k3yxbmxy4zq2mfrw",
    "hold": "01a20d2c-fb03-7f06-9b8d-964f0a1cdd41",
    "follow": "01a20d2c-fb03-7f06-9b8d-964f0a1cdd42",
    "request_id": "01a20d2c-fb03-7bd1-8a44-5d1f0c9e7a10",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
}


async def walk(service: Running) -> dict[str, dict[str, Any]]:
    """What every step sent and got, by operation. Fails where a step does not succeed."""
    found: dict[str, dict[str, Any]] = {}
    await service.letters.add([refused(91, "t11"), refused(92, "t12"), refused(93, "t13"), refused(94, "t14")])
    upload = key = ""
    for operation, method, path, body in STEPS:
        options = body if isinstance(body, Sent) else {"json": body}
        status, answer, response = await service.ask(method, path.format(upload=upload, key=key), **options)
        assert status < 300, (operation, answer)
        upload = response.headers.get("Location", upload).rpartition("/")[2] if operation == "begin_upload" else upload
        key = answer["key_id"] if operation == "keys_create" else key
        shown = {"body": None if isinstance(body, Sent) else body, "answer": steady(answer) if answer else None}
        found[operation] = {name: value for name, value in shown.items() if value is not None}
    return found


async def stumble(service: Running) -> dict[str, Any]:
    """What every wrong step behind the walk is told, by its code."""
    await service.post(f"{API}/sessions/batch", {"sessions": [session("s3", status="completed")]})
    await service.post(f"{API}/tasks/batch", {"tasks": [task("t4", updated_at="2026-11-24T10:00:00Z")]})
    await service.letters.add([refused(99, "", revision=0, record=b"", code="frame_quarantined", detail="Damaged.")])
    await service.ask("POST", f"{API}/tasks/batch", json={"tasks": [NEW]}, headers=KEY)
    found: dict[str, Any] = {}
    found |= await told(service, STUMBLES)
    async with running(auth="keys") as guarded:
        guarded.client.headers.update(await guarded.key("read"))
        missing = await told(guarded, REFUSED[1:])
        guarded.client.headers.clear()
        return found | await told(guarded, REFUSED[:1]) | missing


async def told(service: Running, steps: Sequence[tuple[str, str, str, dict[str, Any]]]) -> dict[str, Any]:
    """The problems that wrong steps meet, by code."""
    found: dict[str, Any] = {}
    for code, method, path, options in steps:
        _, answer, _ = await service.ask(method, path, **options)
        assert answer["code"] == code, answer
        found[code] = steady(answer)
    return found


def refused(sequence: int, key: str, **fields: Any) -> DeadLetter:
    """A dead letter."""
    given = {
        "revision": 913018532726546433,
        "record": json.dumps(task(key, source_text="Bad")).encode(),
        "accepted_at": "2026-11-24T10:49:41.205696+00:00",
        "failed_at": "2026-11-24T10:49:41.266665+00:00",
        "code": "record_refused",
        "detail": "MariaDB 4025: CONSTRAINT `polite` failed for `persistence`.`translation_tasks`.",
    }
    return DeadLetter(lane="translation_tasks", sequence=sequence, key=key, **(given | fields))


def steady(value: Any) -> Any:
    """The same answer with fixed values where it moves."""
    if isinstance(value, list):
        return [steady(item) for item in value]
    if isinstance(value, str) and value.startswith("ps_"):
        return "ps_k3yxbmxy4zq2mfrw.FmNTk9vS-0aXq4cWv1n9L2b7EJd8rUuZt5yHgP3sKxM"
    if not isinstance(value, dict):
        return value
    return {name: MOVING[name] if name in MOVING and part is not None else steady(part) for name, part in value.items()}


class Linking(MemoryObjectStore):
    """Objects in memory, and links as a bucket would give them."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        key, secret = Secret("key"), Secret("secret")
        settings = MinioSettings(endpoint="files.example", bucket="files", access_key=key, secret_key=secret)
        self.link_to_get = MinioObjectStore(settings).link_to_get
        self.link_to_put = MinioObjectStore(settings).link_to_put


async def record() -> None:
    """Write the examples."""
    async with running(objects=Linking()) as service:
        await walk(service)
        write(PROBLEMS, await stumble(service))
    recorded.cache_clear()
    async with running(objects=Linking()) as service:  # whose pages show them
        write(EXAMPLES, await walk(service))


def write(file: Path, found: dict[str, Any]) -> None:
    """Keep examples."""
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(record())

"""A walk through every operation: what the API's description shows as examples. ``make openapi`` records it anew."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.integration.http.running import API, Running, running, session, task

EXAMPLES = Path(__file__).parents[3] / "entrypoints" / "http" / "openapi" / "examples.json"
SYSTEM = "/api/v1/system"
SESSIONS = [session(name="Manual"), session("s2", status="pending")]
TASKS = [task("t1", source_text="Hello"), task("t2", source_text="World", priority=5)]

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
    ("incomplete_sessions", "GET", f"{API}/recovery/incomplete-sessions", None),
    ("restore", "POST", f"{API}/recovery/restore/s1", None),
    ("system_info", "GET", f"{SYSTEM}/info", None),
    ("system_health", "GET", f"{SYSTEM}/health", None),
    ("system_stats", "GET", f"{SYSTEM}/stats", None),
    ("system_buffers", "GET", f"{SYSTEM}/buffers", None),
    ("probes_live", "GET", "/health/live", None),
    ("probes_ready", "GET", "/health/ready", None),
    ("probes_problem", "GET", "/problems/record_not_found", None),
    ("delete_tasks", "DELETE", f"{API}/tasks/t2", None),
    ("delete_sessions", "DELETE", f"{API}/sessions/s2", None),
)
MOVING = {  # what differs from walk to walk
    "created_at": "2026-11-24T10:49:41.205696Z",
    "updated_at": "2026-11-24T10:49:41.266665Z",
    "restored_at": "2026-11-24T10:49:41.341267Z",
    "started_at": "2026-11-24T10:49:40.000000Z",
    "revision": "913018532726546432",
    "next_cursor": "WyJ5UWNQWU1HNVRERWoiLFsiczEiXV0",
    "uptime_seconds": 1.25,
    "latency_seconds": 0.000457,
    "version": "0.1.0",
    "data_dir": "./data",
}


async def walk(service: Running) -> dict[str, dict[str, Any]]:
    """What every step sent and got, by operation. Fails where a step does not succeed."""
    found: dict[str, dict[str, Any]] = {}
    for operation, method, path, body in STEPS:
        status, answer, _ = await service.ask(method, path, json=body)
        assert status < 300, (operation, answer)
        shown = {"body": body, "answer": steady(answer) if answer else None}
        found[operation] = {name: value for name, value in shown.items() if value is not None}
    return found


def steady(value: Any) -> Any:
    """The same answer with fixed values where it moves."""
    if isinstance(value, list):
        return [steady(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: MOVING[name] if name in MOVING and part is not None else steady(part) for name, part in value.items()}


async def record() -> None:
    """Write the examples."""
    async with running() as service:
        EXAMPLES.write_text(json.dumps(await walk(service), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(record())

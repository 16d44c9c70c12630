"""Logs in OpenSearch while everything else is in SQLite: one that is killed delays no task, and costs no log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.service import Service

pytestmark = pytest.mark.slow

LOGS = "/api/v1/logs"
TASKS = "/api/v1/translation/tasks"
SECONDS = 180.0


def task(number: int) -> dict[str, str]:
    texts = {"source_lang": "en", "target_lang": "de", "source_text": f"text {number}"}
    return {"task_id": f"t{number:03}", "session_id": "s", "status": "pending", **texts}


def logs(first: int, count: int = 100) -> list[dict[str, Any]]:
    return [{"level": "info", "message": f"m{n:04}", "context": {"n": n}} for n in range(first, first + count)]


async def test_a_killed_opensearch_delays_no_task_and_costs_no_log(tmp_path: Path, opensearch) -> None:
    opensearch.start()
    prefix = opensearch.prefix()
    (tmp_path / "persistence.toml").write_text(
        '[backends.main]\ntype = "sqlite"\n'
        f'[backends.search]\ntype = "opensearch"\nurl = "{opensearch.url}"\nprefix = "{prefix}"\n'
        '[collections.logs]\nbackend = "search"\n[buffer]\nread_deadline_seconds = 60.0\n'
    )

    async def send(path: str, body: object) -> tuple[int, Any]:
        async with client.post(path, json=body) as response:
            return response.status, await response.json()

    async def ask(path: str) -> tuple[int, Any]:
        async with client.get(path) as response:
            return response.status, await response.json()

    async def until(path: str, holds) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds(*await ask(path)):  # noqa: ASYNC110  (the service tells nobody)
                await asyncio.sleep(0.2)

    async with Service(tmp_path) as service, aiohttp.ClientSession(service.url) as client:
        assert (await send(f"{LOGS}/batch", {"logs": logs(0)}))[0] == 202
        await until(f"{LOGS}?count=exact", lambda status, page: status == 200 and page["total"] == 100)
        opensearch.kill()
        assert (await send(f"{LOGS}/batch", {"logs": logs(100)}))[0] == 202
        status, stored = await send(f"{TASKS}/batch?ack=stored&timeout=60", {"tasks": [task(n) for n in range(100)]})
        assert (status, stored["status"]) == (200, "stored")
        await until(
            "/api/v1/system/health",
            lambda _, found: found["status"] == "degraded" and found["backends"]["main"]["healthy"],
        )
        assert (await ask(LOGS))[0] == 503
        opensearch.start()
        await until(f"{LOGS}?count=exact", lambda status, page: status == 200 and page["total"] == 200)
        async with client.get(f"{LOGS}?page_size=1000&sort_by=message&consistency=strong") as response:
            page = await response.json()
        assert [item["message"] for item in page["items"]] == [log["message"] for log in logs(0, 200)]
        assert (await ask(f"{LOGS}/aggregate?group_by=level"))[1]["groups"] == [{"value": "info", "count": 200}]
        assert (await ask("/api/v1/system/dead-letters"))[1]["items"] == []
        assert await service.stop() == 0
    opensearch.ask("DELETE", f"/{prefix}-*")

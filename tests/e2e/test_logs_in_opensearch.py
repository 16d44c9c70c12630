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


async def test_a_log_that_a_changed_mapping_refuses_is_a_dead_letter_and_its_neighbours_are_stored(
    tmp_path: Path, opensearch
) -> None:
    opensearch.start()
    prefix = opensearch.prefix()
    (tmp_path / "persistence.toml").write_text(
        '[backends.main]\ntype = "sqlite"\n'
        f'[backends.search]\ntype = "opensearch"\nurl = "{opensearch.url}"\nprefix = "{prefix}"\n'
        "call_seconds = 120.0\nquery_seconds = 60.0\n"
        '[collections.logs]\nbackend = "search"\n[buffer]\nread_deadline_seconds = 60.0\n'
    )
    async with Service(tmp_path) as service, aiohttp.ClientSession(service.url) as client:
        stored = f"{LOGS}/batch?ack=stored&timeout=60"
        async with client.post(stored, json={"logs": logs(0, 1)}) as response:
            assert (await response.json())["status"] == "stored"
        change_mapping(opensearch, prefix, "service", {"type": "integer"})
        sent = logs(10, 20)
        sent[3]["service"], sent[7]["service"], sent[12]["service"] = "billing", "42", "shipping"
        async with client.post(stored, json={"logs": sent}) as response:
            results = (await response.json())["results"]

        assert [one["index"] for one in results if one["verdict"] != "stored"] == [3, 12]
        async with client.get(f"{LOGS}?page_size=100&sort_by=message") as response:
            kept = [log["message"] for log in (await response.json())["items"]]
        assert kept == [log["message"] for place, log in enumerate(sent) if place not in (3, 12)]
        async with client.get("/api/v1/system/dead-letters") as response:
            letters = (await response.json())["items"]
        assert sorted(letter["key"] for letter in letters) == sorted(results[place]["key"] for place in (3, 12))
        assert {letter["code"] for letter in letters} == {"record_refused"}
        assert all("mapper_parsing_exception" in letter["detail"] for letter in letters)
        assert all("[values.service] of type [integer]" in letter["detail"] for letter in letters)
        assert not any(value in letter["detail"] for letter in letters for value in ("billing", "shipping"))
        async with client.get(f"{LOGS}/{results[7]['key']}") as response:
            assert (await response.json())["service"] == "42"
        assert await service.stop() == 0


def change_mapping(opensearch, prefix: str, field: str, mapping: dict[str, Any]) -> None:
    """Somebody makes the index of today anew, with another type of one field."""
    (index,) = opensearch.ask("GET", f"/_cat/indices/{prefix}-logs-*?format=json&h=index")
    mappings = opensearch.ask("GET", f"/{index['index']}/_mapping")[index["index"]]["mappings"]
    mappings["properties"]["values"]["properties"][field] = mapping
    opensearch.ask("DELETE", f"/{index['index']}")
    opensearch.ask("PUT", f"/{index['index']}", {"mappings": mappings})

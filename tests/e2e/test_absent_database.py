"""A start while the database is away: records are taken, and stored when it comes, by the same process."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.api import Api, Json
from tests.e2e.service import READY_SECONDS, Service
from tests.e2e.shared_loop import WorkerProcess, migrate, shared_settings
from tests.e2e.stores import settings_of

pytestmark = pytest.mark.slow

SERVERS = ["mariadb", "postgres"]


def tasks(count: int) -> list[Json]:
    own = {"session_id": "s1", "status": "pending", "source_text": "text", "source_lang": "en", "target_lang": "de"}
    return [{"task_id": f"t{number}"} | own for number in range(count)]


def absences(log: Path) -> list[Json]:
    """What the log says of backends that were not there at the start."""
    found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["meta"]["backend"] for line in found if line.get("message") == "backend_absent"]


async def health_of(api: Api) -> Json:
    return (await api.send("GET", "/api/v1/system/health")).body


async def flushed(api: Api) -> None:
    """Wait until everything acknowledged is stored, however long the database takes to come."""
    async with asyncio.timeout(READY_SECONDS):
        while (await api.send("POST", "/api/v1/system/flush", params={"timeout": "5"})).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("name", SERVERS)
async def test_a_service_that_is_killed_in_an_outage_starts_in_it(name, request, databases, tmp_path):
    settings = settings_of(name, databases(name))
    migrate(settings, tmp_path)
    server, service = request.getfixturevalue(name), Service(tmp_path, settings=settings)
    async with service, Api(service.url) as api:
        server.kill()
        assert (await api.post_batch("tasks", tasks(10))).status == 202
        service.kill()
        await service.start()
        assert (await api.post_batch("tasks", tasks(20))).status == 202
        health = await health_of(api)
        assert (health["status"], health["backends"]["main"]["healthy"]) == ("degraded", False)
        assert (await api.send("GET", "/api/v1/translation/tasks")).status == 503

        server.start()
        await flushed(api)
        assert await api.count("tasks") == 20
        assert (await health_of(api))["status"] == "ok"
        assert absences(service.log) == ["main"]
        assert await service.stop() == 0


async def test_tables_that_do_not_fit_are_said_as_soon_as_the_server_is_there(databases, mariadb, tmp_path):
    service = Service(tmp_path, settings=settings_of("mariadb", databases("mariadb")))
    mariadb.kill()
    async with service, Api(service.url) as api:
        assert (await api.post_batch("tasks", tasks(10))).status == 202
        mariadb.start()
        async with asyncio.timeout(READY_SECONDS):
            while "persistence migrate" not in str((await health_of(api))["collections"]):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        health = await health_of(api)
    assert (health["status"], health["backends"]["main"]["healthy"]) == ("degraded", False)
    assert "Run: persistence migrate" in health["backends"]["main"]["detail"]


async def test_a_worker_over_a_shared_buffer_waits_for_the_database_too_but_in_a_burst(databases, mariadb, tmp_path):
    settings = shared_settings("mariadb", databases("mariadb"), databases("redis"))
    migrate(settings, tmp_path)
    instance, worker = Service(tmp_path, settings=settings), WorkerProcess(tmp_path, settings, 0)
    burst = WorkerProcess(tmp_path, settings, 1)
    mariadb.kill()
    try:
        burst.spawn("--burst")
        assert await asyncio.to_thread(burst.wait) == 1
        assert "Nothing was written; run it again" in burst.log.read_text()
        worker.spawn()
        await asyncio.to_thread(worker.settle)
        async with instance, Api(instance.url) as api:
            assert (await api.post_batch("tasks", tasks(10))).status == 202
            mariadb.start()
            await flushed(api)
            assert await api.count("tasks") == 10
    finally:
        burst.end(15)
        code = worker.end(15)
    assert code == 0
    assert absences(worker.log) == ["main"]

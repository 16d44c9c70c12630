"""Records that the database refuses, in the real service: isolated through kills, bounded, repaired, or discarded."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random

import aiohttp
import pytest

from domain.model.translation import TASKS
from tests.contract.adapters import server_backend
from tests.e2e.service import Service, command, environment
from tests.unit.domain.services.house import task

pytestmark = pytest.mark.slow

LETTERS = "/api/v1/system/dead-letters"
CHECK = f"ALTER TABLE {TASKS.name} ADD CONSTRAINT polite CHECK (source_text <> 'BAD')"
TRIGGER = f"""
CREATE TRIGGER polite BEFORE INSERT ON {TASKS.name} WHEN new.source_text = 'BAD'
BEGIN SELECT RAISE(ABORT, 'not polite'); END
"""


async def ask(service: Service, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, service.url + path, json=body) as response,
    ):
        return response.status, await response.read()


async def told(service: Service, path: str) -> dict:
    return json.loads((await ask(service, "GET", path))[1])


async def post(service: Service, records: list[dict]) -> str:
    status, body = await ask(service, "POST", "/api/v1/translation/tasks/batch", {"tasks": records})
    assert status == 202, body
    return json.loads(body)["receipt"]


async def flushed(service: Service) -> None:
    status, body = await ask(service, "POST", "/api/v1/system/flush?timeout=120")
    assert status == 200, body


def at_file(service: Service, statement: str) -> None:
    with closing(sqlite3.connect(service.data_dir / "persistence.db")) as connection:
        connection.execute(statement)
        connection.commit()


@asynccontextmanager
async def ruled(kind: str, tmp_path: Path, request, **settings: str):
    """A service whose table has a rule that it does not know."""
    if kind == "sqlite":
        service = Service(tmp_path, settings=settings)
        async with service:
            at_file(service, TRIGGER)
            yield service
        return
    server = request.getfixturevalue(kind)
    with server.database() as database:
        backend = server_backend(database)
        await backend.migrate()
        await backend.open()
        async with backend._pool.acquire(30) as connection:
            await connection.execute(CHECK)
        await backend.close()
        main = "PERSISTENCE__BACKENDS__MAIN__"
        service = Service(tmp_path, settings={f"{main}TYPE": kind, f"{main}DSN": database.dsn, **settings})
        async with service:
            yield service


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
async def test_an_isolation_that_is_killed_again_and_again_converges(kind, tmp_path, request):
    random = Random(11)
    bad = set(random.sample(range(1000), 200))
    records = [task(f"t{i:04}", source_text="BAD" if i in bad else "good") for i in range(1000)]
    async with ruled(kind, tmp_path, request) as service:
        receipt = await post(service, records)
        for _ in range(4):
            await asyncio.sleep(random.uniform(0.05, 0.4))
            await service.start()  # it is killed before
        await flushed(service)
        found = await told(service, f"/api/v1/receipts/{receipt}")
        page = await told(service, f"{LETTERS}?page_size=1000")
        stats = await told(service, "/api/v1/system/stats")

    assert found["state"] == "applied"
    assert sorted(each["key"] for each in found["exceptions"]) == sorted(f"t{i:04}" for i in bad)
    assert sorted(each["key"] for each in page["items"]) == sorted(f"t{i:04}" for i in bad)
    assert {cause["code"]: cause["count"] for cause in page["causes"]} == {"record_refused": 200}
    assert stats["collections"][TASKS.name]["stored"] == 800


async def test_full_dead_letters_hold_a_collection_back_until_someone_repairs_or_purges(tmp_path, request):
    bound = {"PERSISTENCE__DEAD_LETTERS__MAX_RECORDS": "2"}
    async with ruled("sqlite", tmp_path, request, **bound) as service:
        await post(service, [task("a", source_text="BAD"), task("b", source_text="BAD")])
        await flushed(service)
        assert "persistence_dead_letters_full 1.0" in await metrics(service)
        await post(service, [task("c", source_text="BAD"), task("d")])
        health = await paused(service)
        assert (health["status"], health["dead_letters"]["full"]) == ("degraded", True)
        assert "dead letters are full" in health["collections"][TASKS.name]["last_error"]
        await post(service, [task("e")])  # intake goes on

        at_file(service, "DROP TRIGGER polite")
        done = cli(service, "dead-letters", "replay", "--key", "a", "--json")
        assert json.loads(done)["replayed"] == 1
        assert json.loads(cli(service, "dead-letters", "purge", "--key", "b", "--yes", "--json")) == {"purged": 1}
        await flushed(service)
        page = await told(service, LETTERS)
        health = await told(service, "/api/v1/system/health")
        stats = await told(service, "/api/v1/system/stats")

    assert page["items"] == []
    assert (health["status"], health["dead_letters"]["full"]) == ("ok", False)
    assert stats["collections"][TASKS.name]["stored"] == 4


async def test_discarding_is_chosen_and_counted(tmp_path, request):
    chosen = {"PERSISTENCE__COLLECTIONS__TRANSLATION_TASKS__ON_FAILURE": "discard"}
    async with ruled("sqlite", tmp_path, request, **chosen) as service:
        assert "persistence_data_loss_total 0.0" in await metrics(service)
        receipt = await post(service, [task("a", source_text="BAD"), task("b"), task("c", source_text="BAD")])
        await flushed(service)
        found = await told(service, f"/api/v1/receipts/{receipt}")
        page = await told(service, LETTERS)
        assert "persistence_data_loss_total 2.0" in await metrics(service)

    assert [(each["key"], each["verdict"]) for each in found["exceptions"]] == [("a", "discarded"), ("c", "discarded")]
    assert page["total"] == 0


async def paused(service: Service) -> dict:
    """The service's health, as soon as the tasks are held back."""
    for _ in range(600):
        health = await told(service, "/api/v1/system/health")
        if health["collections"][TASKS.name]["paused"]:
            return health
        await asyncio.sleep(0.05)
    raise AssertionError(health)


async def metrics(service: Service) -> str:
    return (await ask(service, "GET", "/metrics"))[1].decode()


def cli(service: Service, *words: str) -> bytes:
    run = [*command(*words), "--url", service.url]
    done = subprocess.run(run, env=environment(), capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout

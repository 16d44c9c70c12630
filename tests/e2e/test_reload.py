"""The configuration changes while clients write and read: nothing is lost, refused or answered late with an error."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest

from tests.e2e.api import Api
from tests.e2e.audit import audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.service import Service
from tests.e2e.workload import Workload

pytestmark = pytest.mark.slow

SYSTEM = "/api/v1/system"
BOTH = """
[backends.one]
type = "sqlite"
[backends.two]
type = "sqlite"
[collections]
translation_sessions.backend = "{0}"
translation_tasks.backend = "{1}"
files.backend = "{1}"
users.backend = "{1}"
"""
ROUTES = [("one", "two"), ("two", "one"), ("two", "two"), ("one", "one")]


def served_badly(line: dict[str, Any]) -> bool:
    return line["message"] == "request_served" and line["meta"]["status"] >= 500


async def test_backends_are_swapped_under_load_without_a_closed_window(service: Service, api: Api) -> None:
    file = service.log.parent / "persistence.toml"
    file.write_text(BOTH.format(*ROUTES[-1]))
    with Ledger(service.log.parent / "ledger.ndjson") as ledger:
        workload = Workload(api, ledger, seed=6)
        await service.start()
        async with asyncio.TaskGroup() as writers:
            for number in range(4):
                writers.create_task(workload.write_on(f"writer {number}"))
            workload.open.set()
            for turn in range(12):
                file.write_text(BOTH.format(*ROUTES[turn % 4]))
                await asyncio.sleep(0.15)
                if turn % 3 == 2:
                    service.process.send_signal(signal.SIGHUP)
                    continue
                reply = await api.send("POST", f"{SYSTEM}/reload")
                assert reply.status == 200, reply.body
                assert reply.body["routes"]["translation_tasks"] == ROUTES[turn % 4][1]
            await asyncio.sleep(0.3)
            workload.running = False
        generation = (await api.send("GET", f"{SYSTEM}/backends")).body["generation"]
        report = await audit(api, ledger, seed=6)
    assert generation == 13
    assert ledger.count(Verdict.ACKED) > 100
    assert ledger.count(Verdict.UNKNOWN) == 0
    assert [line for line in service.log.read_text().splitlines() if served_badly(json.loads(line))] == []
    assert report.faults + workload.faults == []
    assert report.lost == 0


async def test_a_bad_file_is_refused_with_its_place_and_the_service_goes_on(service: Service, api: Api) -> None:
    file = service.log.parent / "persistence.toml"
    file.write_text(BOTH.format("one", "one"))
    await service.start()
    file.write_text(BOTH.format("one", "three"))

    reply = await api.send("POST", f"{SYSTEM}/reload")
    assert (reply.status, reply.code) == (422, "unknown_backend")
    assert "collections.translation_tasks.backend" in reply.body["detail"]
    assert (await api.send("GET", f"{SYSTEM}/routes")).body["generation"] == 1
    assert await service.stop() == 0

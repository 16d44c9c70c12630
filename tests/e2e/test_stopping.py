"""SIGTERM: nothing that was acknowledged is lost, and the exit code tells whether something waits in the journal."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from tests.e2e.api import Api
from tests.e2e.audit import audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.service import Service
from tests.e2e.workload import Workload

pytestmark = pytest.mark.slow

ROWS_REMAIN = 75


async def test_a_stop_under_load_flushes_everything_and_ends_with_0(service: Service, api: Api) -> None:
    with Ledger(service.log.parent / "ledger.ndjson") as ledger:
        workload = Workload(api, ledger, seed=5)
        await service.start()
        async with asyncio.TaskGroup() as writers:
            for number in range(4):
                writers.create_task(workload.write_on(f"writer {number}"))
            workload.open.set()
            await asyncio.sleep(1.5)
            code = await service.stop()
            workload.running = False
        assert (code, last_words(service)["left_in_journal"]) == (0, 0)

        await service.start()
        assert await pending(api) == 0
        report = await audit(api, ledger, seed=5)
    assert ledger.count(Verdict.ACKED) > 100
    assert report.faults + workload.faults == []
    assert report.lost == 0


async def test_a_stop_that_cannot_flush_in_time_ends_with_75_and_the_next_start_applies_the_rest(
    tmp_path: Path,
) -> None:
    program = [sys.executable, "-m", "tests.e2e.held_commit"]
    service = Service(tmp_path, program=program, settings={"PERSISTENCE__SERVER__FLUSH_SECONDS": "0.5"})
    (tmp_path / "hold").touch()
    session = {"session_id": "s", "status": "pending", "source_lang": "en", "target_lang": "de"}
    async with service, Api(service.url) as api:
        assert (await api.post_batch("sessions", [session | {"session_id": f"s{n}"} for n in range(30)])).status == 202
        assert await service.stop() == ROWS_REMAIN
        assert last_words(service)["left_in_journal"] == 30

        (tmp_path / "hold").unlink()
        await service.start()
        await api.flush()
        assert await api.count("sessions") == 30
        assert await service.stop() == 0


async def pending(api: Api) -> int:
    reply = await api.send("GET", "/api/v1/system/buffers")
    return sum(buffer["records"] for buffer in reply.body["buffers"].values())


def last_words(service: Service) -> dict[str, int]:
    line = msgspec.json.decode(service.log.read_bytes().splitlines()[-1])
    assert line["message"] == "service_stopped"
    return line["meta"]

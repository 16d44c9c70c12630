"""SIGTERM: nothing that was acknowledged is lost, and the exit code tells whether something waits in the journal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import termios
from pathlib import Path

import msgspec
import pytest

from tests.e2e.api import Api
from tests.e2e.audit import audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.service import Service, command, environment, free_port
from tests.e2e.stores import on_every_store
from tests.e2e.workload import Workload

pytestmark = pytest.mark.slow

ROWS_REMAIN = 75


@on_every_store
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


async def test_a_terminal_that_is_closed_stops_the_service_that_was_started_on_it(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    port = free_port()
    program = command("serve", "--port", str(port), "--data-dir", str(tmp_path / "data"))
    buffered = environment({"PYTHONUNBUFFERED": ""})  # as for users: lines are left over when it is gone
    running = await asyncio.create_subprocess_exec(
        *program, stdin=theirs, stdout=theirs, stderr=theirs, env=buffered, preexec_fn=_take_terminal
    )
    os.close(theirs)
    async with Api(f"http://127.0.0.1:{port}") as api, asyncio.timeout(60):
        shown = b""
        while b"service_started" not in shown:
            shown += await asyncio.to_thread(os.read, ours, 65536)
        assert f"http://127.0.0.1:{port}/docs" in shown.decode()
        assert (await api.send("GET", "/health/ready")).status == 200
        os.close(ours)
        assert await running.wait() == 0


def _take_terminal() -> None:
    """In the child: a session of its own, whose terminal is stdin."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

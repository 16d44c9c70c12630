"""A worker process that drains, in the real service: killed, left alone, and told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api import Api, Json
from tests.e2e.audit import audit
from tests.e2e.kill_loop import BY_WORKER, WorkerKillLoop, kill_loop
from tests.e2e.ledger import Ledger
from tests.e2e.service import READY_SECONDS, Service, parent_of
from tests.e2e.workload import Workload

pytestmark = pytest.mark.slow

HELD_WORKER = """
import sys
from entrypoints import drains
from entrypoints.cli.app import run
from tests.e2e.drained_by_worker import drain_by_worker
drains.COMMAND = (sys.executable, "-m", "tests.e2e.held_worker")
drain_by_worker()
sys.exit(run(["serve", *sys.argv[1:]]))
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, program=BY_WORKER)
    yield service
    service.kill()


async def test_nothing_acknowledged_is_lost_when_the_worker_is_killed_under_load(tmp_path: Path) -> None:
    outcome = await kill_loop(tmp_path, kills=8, seed=3, program=BY_WORKER, victim=WorkerKillLoop)
    assert outcome.faults == []
    assert outcome.report.lost == 0
    assert outcome.report.acknowledged > 1000


async def test_nothing_acknowledged_is_lost_when_the_service_is_killed_away_from_its_worker(tmp_path: Path) -> None:
    outcome = await kill_loop(tmp_path, kills=4, seed=5, program=BY_WORKER)
    assert outcome.faults == []
    assert outcome.report.lost == 0


async def test_a_worker_ends_when_its_service_is_killed(service: Service) -> None:
    async with service:
        (worker,) = service.children()
        service.kill()
        await until(lambda: not lives(worker))


async def test_a_stop_of_the_whole_group_under_load_flushes_everything(service: Service, api: Api) -> None:
    with Ledger(service.log.parent / "ledger.ndjson") as ledger:
        workload = Workload(api, ledger, seed=5)
        await service.start()
        async with asyncio.TaskGroup() as writers:
            for number in range(4):
                writers.create_task(workload.write_on(f"writer {number}"))
            workload.open.set()
            await until(lambda: sum(records for _, records in ledger.receipts) > 300)
            (worker,) = service.children()
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                os.kill(worker, number)
            assert await service.stop() == 0
            workload.running = False
        assert not lives(worker)

        await service.start()
        report = await audit(api, ledger, seed=5)
    assert report.faults + workload.faults == []
    assert (report.lost, report.acknowledged > 100) == (0, True)


async def test_what_a_worker_left_behind_stores_last_changes_nothing_that_was_stored_since(
    service: Service, api: Api, tmp_path: Path
) -> None:
    """The statement under way when its service is killed may end after the next service has stored newer records."""
    former = Service(tmp_path, program=[sys.executable, "-c", HELD_WORKER])
    hold, held, stored = (tmp_path / name for name in ("hold", "held", "stored"))
    hold.touch()
    async with former, Api(former.url) as before:
        await before.post_batch("tasks", [task(number, status="pending") for number in range(50)])
        await until(held.exists)
        (worker,) = former.children()
        former.kill()
        async with service:
            newer = [task(number, status="completed") for number in range(0, 50, 2)]
            await api.post_batch("tasks", newer)
            await api.flush()
            assert not stored.exists()
            hold.unlink()
            await until(lambda: not lives(worker))
            assert stored.exists()
            counts = {status: await api.count("tasks", status=status) for status in ("pending", "completed")}
    assert counts == {"pending": 25, "completed": 25}


def task(number: int, **fields: object) -> Json:
    own = {"task_id": f"t{number:04}", "session_id": "s1", "source_text": f"text {number}"}
    return own | {"source_lang": "en", "target_lang": "de"} | fields


async def until(condition: object) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while not condition():  # noqa: ASYNC110  (of another process)
            await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    return parent_of(Path(f"/proc/{pid}")) is not None

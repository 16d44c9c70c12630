"""A batch between database commit and watermark: what is seen meanwhile, and what a replay changes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.api import ROOT, Api, Json
from tests.e2e.samples import STATUSES
from tests.e2e.service import Service

pytestmark = pytest.mark.slow

TASKS = 700
DELETED = 2


@pytest.fixture(params=[[], ["--by-worker"]], ids=["inline", "by a worker"])
def service(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    service = Service(tmp_path, program=[sys.executable, "-m", "tests.e2e.held_commit", *request.param])
    yield service
    service.kill()


@pytest.fixture
async def receipt(service: Service, api: Api, tmp_path: Path) -> str:
    """Of a second version of everything, which is held behind its commit."""
    await service.start()
    await api.post_batch("tasks", [task(number, status="pending") for number in range(TASKS)])
    await api.flush()
    (tmp_path / "hold").touch()
    reply = await api.post_batch("tasks", [task(number, status="completed") for number in range(TASKS)])
    await until_held(tmp_path)
    return str(reply.body["receipt"])


async def test_every_read_by_key_shows_the_newest_version_while_a_batch_is_held_and_after_a_kill_there(
    service: Service, receipt: str, api: Api
) -> None:
    assert (await api.post_batch("tasks", [task(1, status="failed")])).status == 202
    assert (await api.send("DELETE", f"{ROOT}/tasks/{task(DELETED)['task_id']}")).status == 204
    await expect_newest(api)

    await restart(service)
    await expect_newest(api)
    await api.flush()
    await expect_newest(api)
    assert await counts(api) == {"pending": 0, "processing": 0, "completed": TASKS - 2, "failed": 1}


async def test_a_replay_of_what_was_committed_changes_no_record_and_no_count(
    service: Service, receipt: str, api: Api
) -> None:
    held = {"pending": 0, "processing": 0, "completed": TASKS, "failed": 0}
    before = [record async for record in api.everything("tasks")]
    assert await counts(api) == held
    assert (await api.send("GET", f"/api/v1/receipts/{receipt}")).body["state"] == "pending"

    await restart(service)
    await api.flush()
    assert [record async for record in api.everything("tasks")] == before
    assert await counts(api) == held
    assert (await api.send("GET", f"/api/v1/receipts/{receipt}")).body == {
        "receipt": receipt,
        "state": "applied",
        "count": TASKS,
        "exceptions": [],
    }


async def test_what_promises_everything_acknowledged_waits_for_a_held_batch_and_then_says_so(
    receipt: str, api: Api
) -> None:
    listed = api.send("GET", f"{ROOT}/tasks", params={"consistency": "strong"})
    flushed = api.send("POST", "/api/v1/system/flush", params={"timeout": "0.5"})
    for reply in await asyncio.gather(listed, flushed):
        assert (reply.status, reply.code) == (503, "flush_incomplete")
        assert int(reply.headers["Retry-After"]) >= 1


async def until_held(folder: Path) -> None:
    for _ in range(1500):
        if (folder / "held").exists():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("no batch came to be held")


def task(number: int, **fields: object) -> Json:
    own = {"task_id": f"t{number:04}", "session_id": "s1", "source_text": f"text {number}"}
    return own | {"status": "pending", "source_lang": "en", "target_lang": "de"} | fields


async def counts(api: Api) -> dict[str, int]:
    return {status: await api.count("tasks", status=status) for status in STATUSES["tasks"]}


async def restart(service: Service) -> None:
    service.kill()
    (service.log.parent / "hold").unlink()
    await service.start()


async def expect_newest(api: Api) -> None:
    for number in (0, *range(3, TASKS, 11), TASKS - 1):
        assert (await api.get("tasks", task(number)["task_id"]))["status"] == "completed"
    assert (await api.get("tasks", task(1)["task_id"]))["status"] == "failed"
    assert await api.get("tasks", task(DELETED)["task_id"]) is None

"""The example of a translation worker: killed, kept waiting, and told that it is wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.api import Api, Json
from tests.e2e.examples import EXAMPLES, locked_database, run, unfinished_work
from tests.e2e.service import Service

pytestmark = pytest.mark.slow

WORKER = EXAMPLES / "translation_worker.py"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, settings={"PERSISTENCE__BUFFER__READ_DEADLINE_SECONDS": "0.3"})
    yield service
    service.kill()


async def test_it_goes_on_where_it_was_killed_and_the_service_too(service: Service, api: Api) -> None:
    await service.start()
    tasks = await unfinished_work(api)
    with started(service):  # and killed at the end of the block
        await until_translated(api, 100)
    done = {task["task_id"]: task async for task in api.everything("tasks") if is_translated(task)}
    assert 100 <= len(done) < len(tasks), "the worker was done before it was killed"

    service.kill()
    with started(service) as worker:
        await until_line(worker, "; again in 1 s")
        await service.start()
        assert await asyncio.to_thread(worker.wait, 120) == 0
    now = {task["task_id"]: task async for task in api.everything("tasks")}
    assert {key: now[key] for key in done} == done, "what was finished before is not touched again"
    assert {key: now[key]["translated_text"] for key in tasks} == {
        key: f"[{task['target_lang']}] {task['source_text']}" for key, task in tasks.items()
    }
    assert {task["status"] for task in now.values()} == {"completed"}
    assert await api.count("sessions", status__ne="completed") == 0


async def test_it_waits_as_long_as_a_busy_service_says(service: Service, api: Api) -> None:
    await service.start()
    with ExitStack() as stack:
        stack.enter_context(locked_database(service))
        tasks = await unfinished_work(api, flush=False)
        with started(service) as worker:
            busy = await until_line(worker, "HTTP Error 503")
            stack.close()
            output, _ = await asyncio.to_thread(worker.communicate, timeout=120)

    assert busy.endswith("; again in 1 s\n")  # what Retry-After said
    assert worker.returncode == 0
    assert await translated(api) == len(tasks)
    assert sorted(output.splitlines()) == sorted({f"{task['session_id']}: completed" for task in tasks.values()})


async def test_a_mistake_ends_it_with_the_answer(service: Service, api: Api, tmp_path: Path) -> None:
    await service.start()
    await unfinished_work(api)
    wrong = tmp_path / "worker.py"
    wrong.write_text(WORKER.read_text().replace('"status": "completed"', '"status": "perfect"'))
    ended = await asyncio.to_thread(run, sys.executable, wrong, service.url)
    assert ended.returncode == 1
    assert ended.stderr.startswith("PATCH /tasks/batch: 422 ")
    assert "invalid_records" in ended.stderr


def test_it_is_short() -> None:
    _, _, code = WORKER.read_text().partition("\nAPI = ")
    assert len([line for line in code.splitlines() if line.strip()]) <= 40


async def translated(api: Api) -> int:
    return await api.count("tasks", translated_text__prefix="[")


def is_translated(task: Json) -> bool:
    return (task["translated_text"] or "").startswith("[")


@contextmanager
def started(service: Service) -> Iterator[subprocess.Popen[str]]:
    """A worker that does not outlive the block."""
    command = [sys.executable, WORKER, service.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        try:
            yield worker
        finally:
            worker.kill()


async def until_translated(api: Api, count: int) -> None:
    async with asyncio.timeout(60):
        done = 0
        while done < count:
            done = await translated(api)


async def until_line(process: subprocess.Popen[str], part: str) -> str:
    """The first line on stderr with a part."""
    async with asyncio.timeout(60):
        while part not in (line := await asyncio.to_thread(process.stderr.readline)):
            assert line, "the process ended"
    return line

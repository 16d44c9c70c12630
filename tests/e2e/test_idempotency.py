"""Requests under a key, repeated by clients whose service is killed: each is carried out exactly once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests.e2e.api import ROOT, Api, Lost, Reply
from tests.e2e.service import Service
from tests.e2e.shared_loop import WorkerProcess, migrate, shared_settings

pytestmark = pytest.mark.slow

SEED, WRITERS, LANE = 7, 6, "translation_tasks"
REPEATED = ("idempotency_key_in_progress", "replaying", "flush_incomplete", "draining", "journal_unreachable")
REPLAYED = "Idempotency-Replayed"
STREAM = {"Content-Type": "application/x-ndjson"}


class Keyed(msgspec.Struct, kw_only=True):
    """A request under a key, and what its client was told."""

    method: str
    path: str
    body: Any
    records: int  # that one execution appends to the log
    headers: dict[str, str]
    reply: Any = None
    lost: int = 0  # tries without an answer

    async def send(self, api: Api) -> Reply:
        """Ask once. Raises one of ``Lost``."""
        return await api.send(self.method, self.path, body=self.body, headers=self.headers)

    async def until_answered(self, api: Api) -> Reply:
        """Ask under the same key until there is an answer that is final."""
        while True:
            try:
                reply = await self.send(api)
            except Lost:
                self.lost += 1
            else:
                if reply.status < 300:
                    return reply
                assert reply.code in REPEATED, reply
            await asyncio.sleep(0.03)


class Clients:
    """Writers with keys of their own for every request."""

    def __init__(self, api: Api) -> None:
        self.requests: list[Keyed] = []
        self.running = True
        self._api = api

    async def write_on(self, name: str) -> None:
        """Batches, streams and changes in turn, each repeated until it is answered."""
        for request in _requests(name, Random(f"{SEED} {name}")):
            if not self.running:
                return
            self.requests.append(request)
            request.reply = await request.until_answered(self._api)


def _requests(name: str, random: Random) -> Iterator[Keyed]:
    """No record has an `updated_at`: every execution would be a new version, and only the key tells a repetition."""
    number = 0
    while True:
        number += 1
        ids = [f"{name}-{number}-{place}" for place in range(random.choice((1, 20, 200)))]
        yield _keyed("POST", f"{ROOT}/tasks/batch", {"tasks": list(map(_task, ids))}, len(ids), f"{name}.{number}.a")
        change = {"retry_count": number}
        yield _keyed("PATCH", f"{ROOT}/tasks/{ids[0]}", change, 1, f"{name}.{number}.b")
        lines = [msgspec.json.encode(_task(f"{name}-{number}-line-{place}")) for place in range(1100)]
        yield _keyed("POST", f"{ROOT}/tasks/batch", b"\n".join(lines), len(lines), f"{name}.{number}.c", **STREAM)


def _keyed(method: str, path: str, body: Any, records: int, key: str, **headers: str) -> Keyed:
    return Keyed(method=method, path=path, body=body, records=records, headers=headers | {"Idempotency-Key": key})


def _task(key: str) -> dict[str, str]:
    return {
        "task_id": key,
        "session_id": "s",
        "status": "pending",
        "source_text": "Good morning",
        "source_lang": "en",
        "target_lang": "de",
    }


async def appended(api: Api) -> int:
    """How many records were ever appended to the log of the tasks, in all lives of the service together."""
    reply = await api.send("GET", "/api/v1/system/buffers")
    return int(reply.body["buffers"][LANE]["head"])


async def tormented(service: Service, api: Api, *, kills: int) -> list[Keyed]:
    """Everything that clients have sent to a service that was killed under them; all of it is answered."""
    random = Random(SEED)
    clients = Clients(api)
    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(clients.write_on(f"w{number}"))
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.2, 1.0))
            await service.start()  # which kills what runs
        await asyncio.sleep(0.5)
        clients.running = False
    return clients.requests


async def test_what_is_repeated_under_its_key_after_a_kill_is_carried_out_once(service: Service, api: Api) -> None:
    await service.start()
    requests = await tormented(service, api, kills=5)
    records = sum(request.records for request in requests)
    assert await appended(api) == records
    caught = [request for request in requests if request.lost and request.reply and REPLAYED in request.reply.headers]
    assert caught, "no kill fell between an execution and its answer"
    await api.flush()
    await service.start()
    for request in requests:
        again = await request.until_answered(api)
        assert again.headers[REPLAYED] == "true", request.headers
        assert (again.status, again.body) == (request.reply.status, request.reply.body), request.headers
    assert await appended(api) == records


@pytest.fixture
async def instances(databases, tmp_path: Path) -> AsyncIterator[tuple[Service, Service, WorkerProcess]]:
    """Two that share a buffer, and a worker that does not run yet."""
    settings = shared_settings("mariadb", databases("mariadb"), databases("redis"))
    migrate(settings, tmp_path)
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    worker = WorkerProcess(tmp_path, settings, 0)
    one, other = (Service(folder, settings=settings) for folder in folders)
    async with one, other:
        yield one, other, worker
    worker.end(signal.SIGKILL)


async def test_what_an_instance_did_before_it_was_killed_no_other_does_again(instances) -> None:
    one, other, worker = instances
    path = f"{ROOT}/tasks/batch?ack=stored&timeout=30"  # nobody is answered before a worker runs
    lines = [msgspec.json.encode(_task(f"line-{number}")) for number in range(2300)]
    whole = _keyed("POST", path, {"tasks": [_task("a"), _task("b")]}, 2, "whole")
    stream = _keyed("POST", path, b"\n".join(lines), len(lines), "stream", **STREAM)
    async with Api(one.url) as first, Api(other.url) as second:
        sent = [asyncio.create_task(request.send(first)) for request in (whole, stream)]
        async with asyncio.timeout(30):
            while await appended(second) < whole.records + stream.records:  # noqa: ASYNC110  (of a process)
                await asyncio.sleep(0.02)
        one.kill()
        assert all(isinstance(end, Lost) for end in await asyncio.gather(*sent, return_exceptions=True))
        refused = await whole.send(second)
        assert (refused.status, refused.code) == (409, "idempotency_key_in_progress")

        worker.spawn()
        await one.start()
        for request in (whole, stream):
            for api in (second, first, second):
                reply = await request.until_answered(api)
                assert (reply.status, reply.headers[REPLAYED]) == (200, "true")
                assert {item["verdict"] for item in reply.body["results"]} == {"stored"}
                assert request.reply in (None, reply.body)
                request.reply = reply.body
        assert await appended(second) == whole.records + stream.records


async def test_of_many_at_once_one_instance_does_it(instances) -> None:
    one, other, _ = instances
    request = _keyed("POST", f"{ROOT}/tasks/batch", {"tasks": [_task("a")]}, 1, "k")
    async with Api(one.url) as first, Api(other.url) as second:
        replies = await asyncio.gather(*(request.send(api) for api in [first, second] * 15))
        assert {reply.status for reply in replies} <= {202, 409}
        assert len({reply.body["receipt"] for reply in replies if reply.status == 202}) == 1
        assert await appended(first) == 1

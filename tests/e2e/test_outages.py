"""Cache, search index and object store stop one after another under load: records are not concerned, and it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.api import ROOT, Api
from tests.e2e.service import Service
from tests.wire import Wire

pytestmark = pytest.mark.slow

SECONDS = 300.0  # in which a busy machine gets anywhere
ROUNDS = 40  # of the load, in each outage at least
TASK = {"session_id": "s1", "status": "pending", "source_lang": "en", "target_lang": "de"}


class Beside(NamedTuple):
    """What serves beside the records."""

    part: str  # of the health
    metric: str  # 1 while it is there
    word: str  # how its events begin
    touch: Callable[[Api], object]  # a request that needs it, or would like to
    concerned: str = ""  # stands in the events that the load causes


BESIDE = {
    "redis": Beside(
        "cache", 'persistence_cache_up{of="redis"}', "cache", lambda api: api.send("GET", f"{ROOT}/sessions")
    ),
    "opensearch": Beside(
        "search",
        'persistence_search_index_up{type="task"}',
        "search_index",
        lambda api: api.send("GET", "/api/v1/search", params={"q": "text"}),
        "translation_tasks",
    ),
    "minio": Beside(
        "objects",
        "persistence_object_store_up",
        "object_store",
        lambda api: api.send("GET", "/api/v1/storage/files/f1"),
    ),
}


@pytest.fixture
async def wires(redis, opensearch, minio) -> AsyncIterator[dict[str, Wire]]:
    servers = {"redis": redis, "opensearch": opensearch, "minio": minio}
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(Wire(server.host, server.port)) for name, server in servers.items()
        }


@pytest.fixture
def service(tmp_path: Path, wires: dict[str, Wire], redis, opensearch, minio) -> Iterator[Service]:
    bucket = minio.settings(port=wires["minio"].port)
    minio.create(bucket.bucket)
    said = {
        "CACHE__URL": replace(redis.root, host="127.0.0.1", port=wires["redis"].port).dsn,
        "SEARCH__TYPE": "opensearch",
        "SEARCH__URL": f"http://127.0.0.1:{wires['opensearch'].port}",
        "SEARCH__PREFIX": opensearch.prefix(),
        "OBJECTS__TYPE": "s3",
        "OBJECTS__ENDPOINT": bucket.endpoint,
        "OBJECTS__BUCKET": bucket.bucket,
        "OBJECTS__ACCESS_KEY": bucket.access_key.reveal(),
        "OBJECTS__SECRET_KEY": bucket.secret_key.reveal(),
        "OBJECTS__TLS": "false",
        "OBJECTS__CONNECT_SECONDS": "5",
        "OBJECTS__READ_SECONDS": "5",
    }
    service = Service(tmp_path, settings={f"PERSISTENCE__{name}": value for name, value in said.items()})
    yield service
    service.kill()


class Load:
    """Writes tasks and reads them by key, without a pause; every answer must be as if nothing had happened."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.rounds = 0
        self._goes_on = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._goes_on = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run())
            yield
            self._goes_on = False

    async def more(self) -> None:
        """Wait for a number of rounds."""
        goal = self.rounds + ROUNDS
        async with asyncio.timeout(SECONDS):
            while self.rounds < goal:  # noqa: ASYNC110  # a look at another task's counter
                await asyncio.sleep(0.02)

    async def _run(self) -> None:
        while self._goes_on:
            number = self.rounds
            tasks = [TASK | {"task_id": f"t{number}-{n}", "source_text": f"text {number} {n}"} for n in range(20)]
            taken = await self._api.post_batch("tasks", tasks)
            assert taken.status == 202, taken
            for key in (f"t{number}-7", f"t{number // 2}-3"):
                found = await self._api.send("GET", f"{ROOT}/tasks/{key}")
                assert found.status == 200, found
            self.rounds += 1


async def test_what_serves_beside_the_records_may_go_and_come_under_load(
    service: Service, wires: dict[str, Wire]
) -> None:
    await service.start()
    async with Api(service.url) as api:
        load = Load(api)
        await until(lambda: is_well(api))
        async with load.running():
            for name, beside in BESIDE.items():
                await load.more()
                wires[name].cut(sent=0)
                await until(lambda beside=beside: is_lost(api, beside))
                await load.more()
                assert (await api.send("GET", "/health/ready")).status == 200
                wires[name].mend()
                await until(lambda beside=beside: is_regained(api, beside))
        await api.flush()
        assert await api.count("tasks") == load.rounds * 20
        await until(lambda: is_well(api))
        assert await service.stop() == 0
    log = service.log.read_text()
    for beside in BESIDE.values():
        lines = [line for line in log.splitlines() if beside.concerned in line]
        lost, regained = (sum(f'"{beside.word}_{end}"' in line for line in lines) for end in ("lost", "regained"))
        assert regained >= 1, beside
        assert lost >= 1 if beside.part == "cache" else lost == 1, beside  # a busy machine's Redis is late now and then


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await is_so():  # type: ignore[misc]  # noqa: ASYNC110  # another process's
            await asyncio.sleep(0.1)


async def is_well(api: Api) -> bool:
    return (await api.send("GET", "/api/v1/system/health")).body["status"] == "ok"


async def is_lost(api: Api, beside: Beside) -> bool:
    """Whether health and metrics tell of it."""
    await beside.touch(api)  # type: ignore[misc]
    health = (await api.send("GET", "/api/v1/system/health")).body
    is_told = health["status"] == "degraded" and not health[beside.part]["healthy"]
    return is_told and f"{beside.metric} 0.0" in await api.page("/metrics")


async def is_regained(api: Api, beside: Beside) -> bool:
    await beside.touch(api)  # type: ignore[misc]
    health = (await api.send("GET", "/api/v1/system/health")).body
    return health[beside.part]["healthy"] and f"{beside.metric} 1.0" in await api.page("/metrics")

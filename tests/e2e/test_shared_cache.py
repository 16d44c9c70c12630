"""Two caching instances over one buffer and one database: neither shows what a known flush has replaced."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.e2e.api import ROOT, Api
from tests.e2e.service import Service
from tests.e2e.shared_loop import WorkerProcess, migrate, shared_settings
from tests.servers import Redis

pytestmark = pytest.mark.slow

SECONDS = 240.0
ROUNDS = 15
DETAIL, LIST, STATS = f"{ROOT}/sessions/s1", f"{ROOT}/sessions", "/api/v1/system/stats"


@pytest.fixture
def cache():
    """A Redis for the cache alone."""
    with Redis("--appendonly", "no", "--save", "", "--maxmemory-policy", "allkeys-lru") as server:
        yield server


class Instances:
    """Two of them, of which the first one is written to."""

    def __init__(self, *apis: Api) -> None:
        self.apis = apis
        self.applied = 0

    async def rounds(self, number: int) -> None:
        """Write and flush again and again; whoever reads meanwhile, or behind it, finds what was applied, or newer."""
        done = asyncio.Event()
        reading = [asyncio.create_task(self._read_on(api, done)) for api in self.apis for _ in range(2)]
        for _ in range(number):
            await self.write(self.applied + 1)
        done.set()
        await asyncio.gather(*reading)

    async def write(self, number: int) -> None:
        """Write through the first instance, and have it flushed."""
        fields = {"status": "processing", "source_lang": "en", "target_lang": "de", "user_id": str(number)}
        taken = await self.apis[0].post_batch("sessions", [{"session_id": "s1", **fields}])
        assert taken.status == 202, taken
        await self.apis[0].flush()
        self.applied = number
        for api in self.apis:
            await self._look(api)

    async def _read_on(self, api: Api, done: asyncio.Event) -> None:
        while not done.is_set():
            await self._look(api)

    async def _look(self, api: Api) -> None:
        least = self.applied
        found = await api.send("GET", DETAIL)
        assert found.status in ((200, 404) if least == 0 else (200,)), found
        assert int(found.body.get("user_id", 0)) >= least, found
        page = await api.send("GET", LIST)
        assert page.status == 200, page
        assert max([0, *(int(item["user_id"]) for item in page.body["items"])]) >= least, page

    async def until_all_are(self, outcome: str, *paths: str) -> None:
        """Ask until every instance answers all of them so; a busy machine's call of Redis may be late now and then."""
        async with asyncio.timeout(SECONDS):
            for api in self.apis:
                for path in paths:
                    while (await api.send("GET", path)).headers["X-Cache"] != outcome:  # noqa: ASYNC110
                        await asyncio.sleep(0.02)

    async def until_all_tell(self, line: str, path: str) -> None:
        """Ask for a list until the metrics of every instance have a line: a look that comes too late asks no cache."""
        async with asyncio.timeout(SECONDS):
            for api in self.apis:
                while line not in await api.page("/metrics"):
                    await api.send("GET", path)


async def test_no_instance_shows_what_an_acknowledged_flush_replaced(databases, tmp_path, cache):
    settings = shared_settings("mariadb", databases("mariadb"), databases("redis"))
    migrate(settings, tmp_path)
    caching = {"PERSISTENCE__CACHE__URL": cache.root.dsn, "PERSISTENCE__CACHE__CALL_SECONDS": "0.05"}
    services = [Service(folder, settings=settings | caching) for folder in folders(tmp_path)]
    worker = WorkerProcess(tmp_path, settings, 0)
    worker.spawn()
    try:
        await asyncio.to_thread(worker.settle)
        async with services[0], services[1], Api(services[0].url) as one, Api(services[1].url) as other:
            instances = Instances(one, other)
            await instances.rounds(ROUNDS)
            await instances.until_all_are("hit", DETAIL, LIST, STATS)
            fresh = await other.send("GET", LIST, headers={"Cache-Control": "no-cache"})
            assert (fresh.headers["X-Cache"], fresh.body["items"][0]["user_id"]) == ("bypass", str(ROUNDS))
            for take_away, bring_back in ((cache.pause, cache.unpause), (cache.kill, cache.start)):
                await asyncio.to_thread(take_away)
                await instances.rounds(3)
                await instances.until_all_are("bypass", LIST)
                health = (await other.send("GET", "/api/v1/system/health")).body
                assert (health["status"], health["cache"]["healthy"]) == ("degraded", False)
                assert (await other.send("GET", "/health/ready")).status == 200
                await instances.until_all_tell('persistence_cache_up{of="redis"} 0.0', LIST)
                await asyncio.to_thread(bring_back)
                await instances.rounds(3)
                await instances.until_all_are("hit", DETAIL, LIST, STATS)
            assert [await service.stop() for service in services] == [0, 0]
    finally:
        worker.end(signal.SIGKILL)
        for service in services:
            service.kill()


def folders(folder):
    made = [folder / name for name in ("one", "other")]
    for each in made:
        each.mkdir()
    return made

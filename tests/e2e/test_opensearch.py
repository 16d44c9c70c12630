"""A service whose OpenSearch is away, or another instance's too: writes wait for nothing, gaps are never hidden."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.e2e.api import Api, Json
from tests.e2e.service import READY_SECONDS, Service
from tests.e2e.shared_loop import migrate
from tests.e2e.stores import settings_of

pytestmark = pytest.mark.slow

SHORT = {"QUERY_SECONDS": "2", "CALL_SECONDS": "10"}
LAG = 1024 * 1024  # bytes, the smallest limit


def tasks(name: str, count: int, text: str = "some word") -> list[Json]:
    own = {"session_id": "s1", "status": "pending", "source_text": text, "source_lang": "en", "target_lang": "de"}
    return [{"task_id": f"{name}{number}"} | own for number in range(count)]


async def health_of(api: Api) -> Json:
    return (await api.send("GET", "/api/v1/system/health")).body


async def total(api: Api, word: str) -> Json:
    """The number of hits, or the code of the refusal."""
    reply = await api.send("GET", "/api/v1/search", params={"q": word})
    return reply.body["total"] if reply.status == 200 else reply.code


async def until_found(api: Api, word: str, count: int) -> None:
    """Wait until a search finds so many; whatever it is refused with until then."""
    async with asyncio.timeout(4 * READY_SECONDS):
        while await total(api, word) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def until_well(api: Api) -> None:
    async with asyncio.timeout(4 * READY_SECONDS):
        while (await health_of(api))["status"] != "ok":  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def until_feeds_are(api: Api, state: str) -> Json:
    async with asyncio.timeout(4 * READY_SECONDS):
        while (health := await health_of(api))["search"]["collections"]["translation_tasks"]["state"] != state:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return health


@pytest.mark.parametrize("fault", ["pause", "kill"])
async def test_an_outage_costs_searches_alone_and_ends_by_itself(opensearch, tmp_path, fault):
    async with (
        Service(tmp_path, settings=opensearch.settings(**SHORT)) as service,
        Api(service.url, timeout_seconds=120) as api,
    ):
        assert (await api.post_batch("tasks", tasks("before", 10))).status == 202
        await until_found(api, "word", 10)
        getattr(opensearch, fault)()
        assert (await api.post_batch("tasks", tasks("during", 500))).status == 202
        await api.flush()
        assert (await api.get("tasks", "during499"))["source_text"] == "some word"
        assert await api.count("tasks") == 510
        assert await total(api, "word") == "backend_unavailable"
        health = await health_of(api)
        assert (health["status"], health["search"]["healthy"]) == ("degraded", False)
        assert all(backend["healthy"] for backend in health["backends"].values())
        opensearch.start()
        await until_found(api, "word", 510)
        await until_well(api)
        assert await service.stop() == 0


async def test_a_service_starts_while_its_index_is_away(opensearch, tmp_path):
    settings = opensearch.settings(**SHORT)
    opensearch.pause()
    try:
        async with Service(tmp_path, settings=settings) as service, Api(service.url, timeout_seconds=120) as api:
            assert (await api.post_batch("tasks", tasks("t", 10))).status == 202
            assert (await health_of(api))["status"] == "degraded"
            opensearch.start()
            await until_found(api, "word", 10)
            assert await service.stop() == 0
    finally:
        opensearch.start()


async def test_an_outage_beyond_the_limit_refuses_searches_until_a_rebuild(opensearch, tmp_path):
    settings = opensearch.settings(**SHORT, MAX_LAG_BYTES=str(LAG))
    async with Service(tmp_path, settings=settings) as service, Api(service.url, timeout_seconds=120) as api:
        assert (await api.post_batch("tasks", tasks("before", 10))).status == 202
        await until_found(api, "word", 10)
        opensearch.kill()
        for part in range(3):
            reply = await api.post_batch("tasks", tasks(f"during{part}-", 200, text="some word " * 300))
            assert reply.status == 202
        await api.flush()
        await until_feeds_are(api, "rebuild")
        opensearch.start()
        assert await total(api, "word") == "search_incomplete"
        service.kill()
        await service.start()
        await until_feeds_are(api, "rebuild")
        assert await total(api, "word") == "search_incomplete"
        assert (await api.send("POST", "/api/v1/system/search/rebuild")).status == 202
        await until_found(api, "word", 610)
        assert await service.stop() == 0


async def test_instances_over_one_database_fill_one_index(databases, opensearch, tmp_path):
    settings = settings_of("postgres", databases("postgres")) | opensearch.settings()
    migrate(settings, tmp_path)
    async with AsyncExitStack() as stack:
        services, apis = [], []
        for name in ("one", "other"):
            (folder := tmp_path / name).mkdir()
            services.append(await stack.enter_async_context(Service(folder, settings=settings)))
            apis.append(await stack.enter_async_context(Api(services[-1].url, timeout_seconds=120)))
            assert (await apis[-1].post_batch("tasks", tasks(name, 100))).status == 202
        for api in apis:
            await until_found(api, "word", 200)

        services[0].kill()
        assert (await apis[1].post_batch("tasks", tasks("later", 100))).status == 202
        await until_found(apis[1], "word", 300)
        await services[0].start()
        assert (await apis[1].send("POST", "/api/v1/system/search/rebuild")).status == 202
        assert (await apis[0].post_batch("tasks", tasks("last", 100))).status == 202
        for api in apis:
            await until_found(api, "word", 400)
            await until_feeds_are(api, "following")

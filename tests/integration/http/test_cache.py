"""What a caller sees of the cache."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.http.running import API, Running, session, task

DETAIL = f"{API}/sessions/s1"


async def seen(service: Running, path: str, **headers: str) -> tuple[int, str | None]:
    status, _, response = await service.get(path, headers=headers)
    await asyncio.gather(*service.services.cache.caching._puts)
    return status, response.headers.get("X-Cache")


async def flushed(service: Running, *sessions: dict, tasks: tuple[dict, ...] = ()) -> None:
    for envelope, records in (("sessions", sessions), ("tasks", tasks)):
        if records:
            await service.post(f"{API}/{envelope}/batch", {envelope: records})
    await service.post("/api/v1/system/flush", None)


async def test_a_session_is_told_from_the_cache_until_it_or_its_tasks_are_flushed(service: Running) -> None:
    await flushed(service, session("s1"))
    assert [await seen(service, DETAIL) for _ in range(3)] == [(200, "miss"), (200, "hit"), (200, "hit")]
    await flushed(service, tasks=(task("t1"),))
    assert [await seen(service, DETAIL) for _ in range(2)] == [(200, "miss"), (200, "hit")]
    _, body, _ = await service.get(DETAIL)
    assert body["tasks"]["counts"]["pending"] == 1
    await flushed(service, session("s1", status="completed"))
    _, body, response = await service.get(DETAIL)
    assert (body["status"], response.headers["X-Cache"]) == ("completed", "miss")


async def test_what_is_not_there_is_remembered_too(service: Running) -> None:
    assert [await seen(service, f"{API}/tasks/t1") for _ in range(2)] == [(404, "miss"), (404, "hit")]
    await service.post(f"{API}/tasks/batch", {"tasks": [task("t1")]})
    assert (await seen(service, f"{API}/tasks/t1"))[0] == 200


@pytest.mark.parametrize("control", ["no-cache", "No-Cache", "max-age=0", "no-store", "private, no-cache"])
async def test_a_caller_may_want_the_store(service: Running, control: str) -> None:
    await flushed(service, session("s1"))
    await seen(service, DETAIL)
    assert await seen(service, DETAIL, **{"Cache-Control": control}) == (200, "bypass")


@pytest.mark.parametrize("control", ["max-age=60", "no-transform", "", "no-cachet", "é"])
async def test_other_directives_change_nothing(service: Running, control: str) -> None:
    await flushed(service, session("s1"))
    await seen(service, DETAIL)
    assert await seen(service, DETAIL, **{"Cache-Control": control}) == (200, "hit")


async def test_a_caller_whose_copy_is_current_learns_that_from_the_cache(service: Running) -> None:
    await flushed(service, session("s1"))
    _, _, response = await service.get(DETAIL)
    await asyncio.gather(*service.services.cache.caching._puts)
    assert await seen(service, DETAIL, **{"If-None-Match": response.headers["ETag"]}) == (304, "hit")


async def test_lists_are_asked_of_the_store_where_no_cache_is_shared(service: Running) -> None:
    for path in (f"{API}/sessions", f"{API}/recovery/incomplete-sessions", "/api/v1/system/stats"):
        assert await seen(service, path) == (200, "bypass")
    for path in ("/api/v1/system/info", "/health/live", "/api/v1/system/buffers"):
        assert await seen(service, path) == (200, None)


async def test_a_patched_session_is_told_as_it_is_stored(service: Running) -> None:
    await flushed(service, session("s1"))
    for name in ("one", "two", "three"):
        await seen(service, DETAIL)
        headers = {"Content-Type": "application/merge-patch+json"}
        status, patched, _ = await service.ask("PATCH", DETAIL, data=f'{{"name": "{name}"}}'.encode(), headers=headers)
        _, body, _ = await service.get(DETAIL)
        assert (status, patched["name"], body["name"]) == (200, name, name)
    await seen(service, DETAIL)
    await service.ask("DELETE", DETAIL)
    assert (await seen(service, DETAIL))[0] == 404

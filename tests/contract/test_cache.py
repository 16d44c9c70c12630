"""Caches: what was put under the very key, for a while, or nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from adapters.memory.cache import MemoryCache
from adapters.redis.cache import MAX_BYTES, RedisCache
from adapters.system.clock import SystemClock
from domain.errors import Unavailable
from domain.model.secret import Secret
from tests.wire import Wire

SECONDS = 30.0


@pytest.fixture(params=["memory", "redis"])
async def cache(request):
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield MemoryCache(1000, 8 * MAX_BYTES, SystemClock().monotonic)
            return
        database = stack.enter_context(request.getfixturevalue("redis").database())
        found = RedisCache(Secret(database.dsn))
        await found.open()
        stack.push_async_callback(found.close)
        yield found


async def test_what_was_never_put_is_not_there(cache):
    assert await cache.get("nothing") is None


@pytest.mark.parametrize("value", [b"", b"0", b"\x00\xff" * 1000, "日本語 🎈".encode(), b"x" * 500_000])
async def test_what_was_put_is_found(cache, value):
    await cache.put("key", value, SECONDS)
    assert await cache.get("key") == value
    assert await cache.get("other") is None


async def test_the_last_put_counts(cache):
    for value in (b"one", b"two", b""):
        await cache.put("key", value, SECONDS)
        assert await cache.get("key") == value


@pytest.mark.parametrize("key", ["", " ", "a b", "ключ", "x" * 5000, "*", "{x}", "\n"])
async def test_a_key_is_any_text(cache, key):
    await cache.put(key, b"value", SECONDS)
    assert await cache.get(key) == b"value"
    assert await cache.get(key + "*") is None


async def test_what_has_expired_is_gone(cache):
    await cache.put("short", b"value", 0.02)
    await cache.put("long", b"value", SECONDS)
    async with asyncio.timeout(SECONDS):
        while await cache.get("short") is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await cache.get("long") == b"value"


@pytest.mark.parametrize("seconds", [0, -1, 0.0001])
async def test_what_is_kept_for_no_time_is_not_kept(cache, seconds):
    await cache.put("key", b"value", seconds)
    async with asyncio.timeout(SECONDS):
        while await cache.get("key") is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_is_too_large_is_not_kept(cache):
    await cache.put("key", b"small", SECONDS)
    await cache.put("large", b"x" * (MAX_BYTES + 1), SECONDS)
    assert (await cache.get("large"), await cache.get("key")) == (None, b"small")


async def test_many_at_once(cache):
    values = {f"key {n}": str(n).encode() for n in range(300)}
    await asyncio.gather(*(cache.put(key, value, SECONDS) for key, value in values.items()))
    assert dict(zip(values, await asyncio.gather(*map(cache.get, values)), strict=True)) == values


async def test_it_is_well(cache):
    found = await cache.health_check()
    assert found.healthy, found


async def test_a_cache_whose_wire_is_cut_says_so(redis):
    with redis.database() as database:
        async with Wire(database.host, database.port) as wire:
            cache = RedisCache(Secret(replace(database, port=wire.port).dsn))
            await cache.put("key", b"value", SECONDS)
            wire.cut(sent=0, received=0)
            for call in (cache.get("key"), cache.put("key", b"value", SECONDS)):
                with pytest.raises(Unavailable):
                    await call
            assert not (await cache.health_check()).healthy
            await cache.close()


async def test_a_wrong_password_is_said_and_not_shown(redis):
    with redis.database() as database:
        cache = RedisCache(Secret(replace(database, password="wrong-secret").dsn))
        with pytest.raises(Unavailable) as caught:
            await cache.get("key")
        found = await cache.health_check()
        assert (found.healthy, "password" in found.detail, "wrong-secret" in str(caught.value)) == (False, True, False)
        await cache.close()

"""Rate limiters: in no stretch of time more than the limit, and of many at once none too many."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from adapters.memory.rate_limiter import MemoryRateLimiter
from adapters.redis.rate_limiter import RedisRateLimiter
from adapters.system.clock import SystemClock
from domain.errors import Unavailable
from domain.model.quotas import Quota
from domain.model.secret import Secret
from tests.wire import Wire

PATIENT = 10.0


@pytest.fixture(params=["memory", "redis"])
async def limiter(request):
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield MemoryRateLimiter(SystemClock().monotonic)
            return
        database = stack.enter_context(request.getfixturevalue("redis").database())
        found = RedisRateLimiter(Secret(database.dsn), call_seconds=PATIENT)
        await found.open()
        stack.push_async_callback(found.close)
        yield found


async def test_as_many_as_the_limit_are_counted_and_the_next_is_one_too_many(limiter):
    quota = Quota("key", 5)
    left = [await limiter.hit(quota, "ann") for _ in range(7)]
    assert [each.remaining for each in left] == [4, 3, 2, 1, 0, 0, 0]
    assert [each.is_used_up for each in left] == [False] * 5 + [True] * 2
    assert all(0 < each.reset_seconds <= 60 for each in left)
    assert {each.quota for each in left} == {quota}


async def test_each_caller_and_each_quota_is_counted_apart(limiter):
    for quota in (Quota("key", 1), Quota("session", 1)):
        for who in ("ann", "bob", "Ann", "ann ", "日本", "a/b", "*", "x" * 400):
            assert not (await limiter.hit(quota, who)).is_used_up
            assert (await limiter.hit(quota, who)).is_used_up


async def test_of_many_at_once_exactly_as_many_as_the_limit_are_counted(limiter):
    quota = Quota("key", 10)
    left = await asyncio.gather(*(limiter.hit(quota, "ann") for _ in range(40)))
    assert sum(not each.is_used_up for each in left) == 10


async def test_in_no_stretch_of_time_are_there_more_than_the_limit(limiter):
    quota, clock, taken = Quota("key", 8, seconds=1), SystemClock(), []
    while clock.monotonic() < (taken[0] if taken else clock.monotonic()) + 2.6:
        if not (await limiter.hit(quota, "ann")).is_used_up:
            taken.append(clock.monotonic())
        await asyncio.sleep(0.01)
    assert len(taken) > quota.limit  # it opens again
    early = 0.05  # between the count and the look at the clock
    assert all(later - one > 1 - early for one, later in zip(taken, taken[quota.limit :], strict=False))


async def test_a_refused_request_does_not_put_off_the_next_chance(limiter):
    quota = Quota("key", 1, seconds=1)
    await limiter.hit(quota, "ann")
    async with asyncio.timeout(10):
        while (await limiter.hit(quota, "ann")).is_used_up:  # noqa: ASYNC110  # time alone
            await asyncio.sleep(0.05)


async def test_two_instances_count_together(redis):
    with redis.database() as database:
        one, other = (RedisRateLimiter(Secret(database.dsn), call_seconds=PATIENT) for _ in range(2))
        quota = Quota("key", 100)
        left = await asyncio.gather(*(each.hit(quota, "ann") for _ in range(100) for each in (one, other)))
        assert sum(not each.is_used_up for each in left) == 100
        await one.close()
        await other.close()


async def test_a_redis_that_is_cut_off_silent_or_away_is_unavailable_in_time(redis):
    quota = Quota("key", 5)
    with redis.database() as database:
        async with Wire(database.host, database.port) as wire:
            url = Secret(database.dsn.replace(f":{database.port}/", f":{wire.port}/"))
            limiter = RedisRateLimiter(url, call_seconds=0.5)
            await limiter.hit(quota, "ann")
            wire.cut(sent=0)
            with pytest.raises(Unavailable) as refused:
                await limiter.hit(quota, "ann")
            assert database.password not in refused.value.detail
            wire.mend()
            assert not (await limiter.hit(quota, "ann")).is_used_up
            wire.block()
            with pytest.raises(Unavailable, match="did not answer within 500 ms"):
                await limiter.hit(quota, "ann")
            wire.mend()
            await limiter.close()
        away = RedisRateLimiter(url)
        with pytest.raises(Unavailable):
            await away.hit(quota, "ann")
        await away.close()


async def test_addresses_without_end_do_not_fill_the_memory():
    limiter = MemoryRateLimiter(lambda: 0.0, max_names=3)
    for number in range(10):
        await limiter.hit(Quota("address", 5), f"10.0.0.{number}")
    assert len(limiter._moments) == 3


async def test_who_asks_again_is_not_forgotten_before_those_who_asked_once():
    limiter, quota = MemoryRateLimiter(lambda: 0.0, max_names=3), Quota("address", 5)
    for number in range(10):
        await limiter.hit(quota, "guesser")
        await limiter.hit(quota, f"10.0.0.{number}")
    assert (await limiter.hit(quota, "guesser")).is_used_up

"""How many sessions there are, how long they live, and what becomes of those whose server is gone."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest

from adapters.mysql.pool import MysqlPool
from adapters.sql.pool import PoolLimits
from domain.errors import BackendContended, BackendUnavailable, QueryTimeout
from tests.integration.mysql.conftest import killed

HEAVY = "SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b, information_schema.columns c"


@pytest.fixture
async def pool_of(place):
    async with AsyncExitStack() as stack:

        async def opened(**settings) -> MysqlPool:
            pool = MysqlPool(place, None, PoolLimits(**{"ready": 1, **settings}))
            stack.push_async_callback(pool.close)
            await pool.open()
            return pool

        yield opened


async def sessions(machine, place) -> int:
    """How many sessions the server has with our user, once those that were closed are gone."""
    count = f"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{place.user}'"
    return int(await asyncio.to_thread(machine.execute, count))


async def settled(machine, place, expected: int) -> int:
    for _ in range(50):
        if (found := await sessions(machine, place)) == expected:
            break
        await asyncio.sleep(0.1)
    return found


async def number(connection) -> int:
    return await connection.fetchval("SELECT CONNECTION_ID()")


async def test_as_many_sessions_as_asked_are_ready_and_all_are_closed_at_the_end(machine, place, pool_of):
    pool = await pool_of(ready=7)
    await pool.open()
    assert await sessions(machine, place) == 7

    await pool.close()
    await pool.close()
    assert await settled(machine, place, 0) == 0


async def test_sessions_beyond_those_kept_are_closed_when_they_are_given_back(machine, place, pool_of):
    pool = await pool_of(most=2, overflow=3)
    async with AsyncExitStack() as stack:
        numbers = {await number(await stack.enter_async_context(pool.acquire(5))) for _ in range(5)}
        assert len(numbers) == 5
        assert await sessions(machine, place) == 5
        with pytest.raises(BackendContended, match=r"All 5 sessions to MySQL at .* are busy"):
            async with pool.acquire(0.2):
                pass

    assert await settled(machine, place, 2) == 2


async def test_who_waits_gets_the_session_that_comes_back(pool_of):
    pool = await pool_of(most=1, overflow=0)

    async def ask() -> int:
        async with pool.acquire(10) as connection:
            return await number(connection)

    assert len(set(await asyncio.gather(*(ask() for _ in range(20))))) == 1


async def test_an_old_session_is_not_used_again(pool_of):
    pool = await pool_of(recycle_seconds=0.05)
    seen = set()
    for _ in range(3):
        async with pool.acquire(5) as connection:
            seen.add(await number(connection))
        await asyncio.sleep(0.1)

    assert len(seen) == 3


async def test_a_session_that_the_server_ended_meanwhile_is_replaced_unseen(machine, pool_of):
    pool = await pool_of()
    for _ in range(3):
        async with pool.acquire(5) as connection:
            killed = await number(connection)
        await asyncio.to_thread(machine.execute, f"KILL {killed}")
        await asyncio.sleep(0.1)
        async with pool.acquire(5) as connection:
            assert await number(connection) != killed


async def test_a_session_that_the_server_ends_in_the_middle_is_an_outage(machine, pool_of):
    pool = await pool_of()
    killed = set()

    async def ask() -> None:
        async with pool.acquire(5) as connection:
            killed.add(await number(connection))
            await asyncio.to_thread(machine.execute, f"KILL {max(killed)}")
            await connection.fetchval("SELECT 1")

    with pytest.raises(BackendUnavailable):
        await ask()
    async with pool.acquire(5) as connection:
        assert await number(connection) not in killed


async def test_a_closed_pool_is_unavailable(pool_of):
    pool = await pool_of()
    await pool.close()
    with pytest.raises(BackendUnavailable, match="not open"):
        async with pool.acquire(5):
            pass


async def test_closing_waits_for_the_blocks_that_run_and_turns_away_those_that_wait(machine, place, pool_of):
    pool = await pool_of(most=1, overflow=0)

    async def ask() -> int:
        async with pool.acquire(10) as connection:
            return await connection.fetchval("SELECT 7 FROM (SELECT SLEEP(0.3)) AS slow")

    running, waiting = asyncio.create_task(ask()), asyncio.create_task(ask())
    await asyncio.sleep(0.1)
    await pool.close()

    assert running.done()
    answers = await asyncio.gather(running, waiting, return_exceptions=True)
    assert answers[0] == 7
    assert isinstance(answers[1], BackendUnavailable)
    assert await settled(machine, place, 0) == 0


async def test_a_slow_query_is_ended_by_the_server_and_its_session_is_used_again(machine, pool_of):
    pool = await pool_of()
    async with pool.acquire(30) as connection:
        before = await number(connection)
    with pytest.raises(QueryTimeout):
        async with pool.acquire(0.5) as connection:
            await connection.fetchval(HEAVY)
    with pytest.raises(QueryTimeout):
        async with pool.acquire(0.5) as connection, aclosing(connection.stream(HEAVY)) as rows:
            await anext(rows)

    async with pool.acquire(5) as connection:
        assert await number(connection) == before
    running = await asyncio.to_thread(machine.execute, "SHOW FULL PROCESSLIST")
    assert "columns a" not in running


async def test_a_change_that_takes_too_long_is_given_up_with_its_session(machine, place, pool_of):
    pool = await pool_of()
    with pytest.raises(BackendUnavailable, match=r"did not answer within 0\.3 s"):
        async with pool.acquire(0.3) as connection:
            await connection.execute("DO SLEEP(2)")

    async with pool.acquire(5) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_frozen_server_holds_nobody_longer_than_the_deadline(machine, pool_of):
    pool = await pool_of(ready=2, connect_seconds=0.5)
    machine.pause()
    try:
        for said in ("did not answer", "did not answer", "does not answer"):  # the third has no session left
            with pytest.raises(BackendUnavailable, match=said):
                async with pool.acquire(1) as connection:
                    await connection.execute("DO 1")
    finally:
        machine.unpause()

    async with pool.acquire(10) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_server_that_was_killed_and_came_back_serves_again(machine, pool_of):
    pool = await pool_of(ready=5)
    async with killed(machine):
        with pytest.raises(BackendUnavailable):
            async with pool.acquire(5) as connection:
                await connection.fetchval("SELECT 1")

    async def ask() -> int:
        async with pool.acquire(10) as connection:
            return await connection.fetchval("SELECT 1")

    assert await asyncio.gather(*(ask() for _ in range(20))) == [1] * 20


async def test_a_pool_without_its_server_opens_when_it_is_there(machine, place):
    pool = MysqlPool(place, None, PoolLimits(ready=2, connect_seconds=1))
    async with killed(machine):
        with pytest.raises(BackendUnavailable):
            await pool.open()
    await pool.open()
    await pool.close()

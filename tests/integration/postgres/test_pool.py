"""Sessions on the real server: the verbs, deadlines, and what becomes of a session when something goes wrong."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest

from adapters.postgres.pool import PostgresPool
from adapters.sql.pool import PoolLimits
from domain.errors import (
    BackendContended,
    BackendUnavailable,
    QueryTimeout,
    RecordRefused,
    SchemaMismatch,
)


@pytest.fixture(scope="module")
def database(postgres):
    with postgres.database() as database:
        yield database


SLOW = "SELECT pg_sleep(20)"
PROCESS = "SELECT pg_backend_pid()"


async def make_table(pool) -> None:
    async with pool.acquire(5) as connection:
        await connection.execute("DROP TABLE IF EXISTS t")
        await connection.execute("CREATE TABLE t (key text PRIMARY KEY, number bigint)")


async def rows(pool):
    async with pool.acquire(5) as connection:
        return await connection.fetch("SELECT key, number FROM t ORDER BY key")


async def running(postgres, database) -> int:
    """How many statements the database's server works on, beside the question itself."""
    text = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.name}' AND state = 'active'"
    return int(await asyncio.to_thread(postgres.execute, text))


async def settled(postgres, database) -> bool:
    """Whether nothing runs any more, soon."""
    for _ in range(100):
        if not await running(postgres, database):
            return True
        await asyncio.sleep(0.1)
    return False


async def test_the_verbs_give_tuples_and_numbers_of_rows(pool):
    await make_table(pool)
    async with pool.acquire(5) as connection:
        assert await connection.execute("INSERT INTO t VALUES ($1, $2), ($3, $4)", "a", 1, "b", None) == 2
        assert await connection.execute("UPDATE t SET number = 3 WHERE key = $1", "nothing") == 0
        assert await connection.fetch("SELECT key, number FROM t ORDER BY key") == [("a", 1), ("b", None)]
        assert await connection.fetchrow("SELECT key, number FROM t WHERE key = $1", "a") == ("a", 1)
        assert await connection.fetchrow("SELECT key FROM t WHERE key = $1", "nothing") is None
        assert await connection.fetchval("SELECT number FROM t WHERE key = $1", "a") == 1
        assert await connection.fetchval("SELECT number FROM t WHERE key = $1", "nothing") is None


async def test_a_stream_gives_every_row_and_may_be_left_early(pool):
    async with pool.acquire(5) as connection, connection.transaction():
        text = "SELECT n FROM generate_series(1, $1::int) AS n"
        assert [row async for row in connection.stream(text, 120)] == [(n,) for n in range(1, 121)]
        async with aclosing(connection.stream(text, 1_000_000)) as stream:
            assert await anext(stream) == (1,)
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_transaction_is_all_or_nothing_and_one_inside_joins_it(pool):
    await make_table(pool)

    async def fail() -> None:
        async with pool.acquire(5) as connection, connection.transaction():
            await connection.execute("INSERT INTO t VALUES ('a', 1)")
            async with connection.transaction():
                await connection.execute("INSERT INTO t VALUES ('b', 1)")
            await connection.execute("INSERT INTO t VALUES ('a', 2)")

    with pytest.raises(RecordRefused):
        await fail()
    assert await rows(pool) == []

    async with pool.acquire(5) as connection, connection.transaction(isolation="repeatable_read"):
        assert await connection.fetchval("SHOW transaction_isolation") == "repeatable read"
        async with connection.transaction():
            await connection.execute("INSERT INTO t VALUES ('a', 1)")
    assert await rows(pool) == [("a", 1)]


async def test_a_transaction_whose_failure_was_passed_over_does_not_count_as_committed(pool):
    await make_table(pool)

    async def pass_over() -> None:
        async with pool.acquire(5) as connection, connection.transaction():
            await connection.execute("INSERT INTO t VALUES ('a', 1)")
            with pytest.raises(SchemaMismatch):
                await connection.fetch("SELECT nothing FROM t")

    with pytest.raises(BackendUnavailable, match="rolled the transaction back"):
        await pass_over()
    assert await rows(pool) == []


async def test_a_session_outlives_a_statement_that_the_server_refuses(pool):
    async with pool.acquire(5) as connection:
        process = await connection.fetchval(PROCESS)
    with pytest.raises(SchemaMismatch):
        async with pool.acquire(5) as connection, connection.transaction():
            await connection.fetch("SELECT * FROM nowhere")

    async with pool.acquire(5) as connection:
        assert await connection.fetchval(PROCESS) == process


async def test_a_slow_statement_is_stopped_and_its_session_lives_on(pool, postgres, database):
    async with pool.acquire(5) as connection:
        process = await connection.fetchval(PROCESS)
    with pytest.raises(QueryTimeout):
        async with pool.acquire(2) as connection, connection.transaction():
            await connection.fetch(SLOW)
    with pytest.raises(QueryTimeout):
        async with pool.acquire(2) as connection, connection.transaction():
            await anext(connection.stream(SLOW))

    assert await settled(postgres, database)
    async with pool.acquire(5) as connection:
        assert await connection.fetchval(PROCESS) == process


async def test_a_write_that_takes_too_long_is_an_outage_and_not_a_slow_query(pool):
    with pytest.raises(BackendUnavailable):
        async with pool.acquire(0.3) as connection:
            await connection.execute(SLOW)


async def test_the_server_knows_the_limit_of_each_block(pool):
    for seconds, shown in ((5, "5s"), (0.5, "500ms"), (600, "10min"), (5, "5s")):
        async with pool.acquire(seconds) as connection:
            assert await connection.fetchval("SHOW statement_timeout") == shown


async def test_a_cancelled_block_ends_its_session_and_its_statement(pool, postgres, database):
    async def work() -> None:
        async with pool.acquire(30) as connection:
            processes.append(await connection.fetchval(PROCESS))
            async with connection.transaction():
                await connection.fetch(SLOW)

    processes: list[int] = []
    task = asyncio.create_task(work())
    await asyncio.sleep(0.5)
    assert await running(postgres, database) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await settled(postgres, database)
    for _ in range(8):
        async with pool.acquire(5) as connection:
            assert await connection.fetchval(PROCESS) not in processes


async def test_a_server_that_does_not_answer_is_an_outage_within_the_time(pool, postgres):
    async with pool.acquire(5) as connection:
        await connection.fetchval("SELECT 1")
    await asyncio.to_thread(postgres.pause)
    try:
        begun = time.monotonic()
        with pytest.raises(BackendUnavailable, match=r"did not answer within 0\.5 s"):
            async with pool.acquire(0.5) as connection:
                await connection.fetchval("SELECT 1")
        assert time.monotonic() - begun < 5
    finally:
        await asyncio.to_thread(postgres.unpause)

    async with pool.acquire(5) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_server_that_was_killed_and_came_back_is_found_again(pool, postgres):
    async with pool.acquire(5) as connection:
        await asyncio.to_thread(postgres.kill)
        with pytest.raises(BackendUnavailable):
            await connection.fetchval("SELECT 1")
    await asyncio.sleep(0.2)  # the end of the other session is noticed
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        async with pool.acquire(5):
            pass
    await asyncio.to_thread(postgres.start)

    async with pool.acquire(5) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_session_that_the_server_ended_is_not_given_again(pool, postgres):
    async with pool.acquire(5) as connection:
        process = await connection.fetchval(PROCESS)
    await asyncio.to_thread(postgres.execute, f"SELECT pg_terminate_backend({process})")
    await asyncio.sleep(0.2)

    async with pool.acquire(5) as connection:
        assert await connection.fetchval(PROCESS) != process


async def test_more_sessions_than_agreed_are_never_opened_and_waiting_for_one_is_contention(pool, postgres, database):
    async def hold() -> None:
        async with pool.acquire(30) as connection:
            await connection.fetchval("SELECT 1")
            holding.release()
            await free.wait()

    await make_table(pool)
    holding, free = asyncio.Semaphore(0), asyncio.Event()
    tasks = [asyncio.create_task(hold()) for _ in range(4)]
    for _ in tasks:
        await holding.acquire()
    with pytest.raises(BackendContended, match="All 4 sessions"):
        async with pool.acquire(0.2):
            pass
    text = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.name}'"
    assert int(await asyncio.to_thread(postgres.execute, text)) == 4
    waiting = asyncio.create_task(rows(pool))
    free.set()
    await asyncio.gather(*tasks)
    assert await waiting == []


async def test_waiting_for_a_lock_ends_as_contention(pool):
    await make_table(pool)
    async with pool.acquire(20) as holder, holder.transaction():
        await holder.execute("LOCK TABLE t")
        async with pool.acquire(20) as other:
            await other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(BackendContended):
                await other.execute("INSERT INTO t VALUES ('a', 1)")


async def test_two_that_wait_for_each_other_are_contention(pool):
    await make_table(pool)
    async with pool.acquire(5) as connection:
        await connection.execute("INSERT INTO t VALUES ('a', 0), ('b', 0)")

    async def add(first: str, second: str) -> None:
        async with pool.acquire(20) as connection, connection.transaction():
            await connection.execute("UPDATE t SET number = number + 1 WHERE key = $1", first)
            await both.wait()
            await connection.execute("UPDATE t SET number = number + 1 WHERE key = $1", second)

    both = asyncio.Barrier(2)
    outcomes = await asyncio.gather(add("a", "b"), add("b", "a"), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {BackendContended, type(None)}
    assert await rows(pool) == [("a", 1), ("b", 1)]


async def test_sessions_beyond_the_agreed_number_are_closed_when_they_are_given_back(server, postgres, database):
    async def hold() -> None:
        async with pool.acquire(30) as connection:
            await connection.fetchval("SELECT pg_sleep(0.5)")

    pool = PostgresPool(server, None, PoolLimits(ready=1, most=2, overflow=2))
    await pool.open()
    await asyncio.gather(*(hold() for _ in range(6)))
    await asyncio.sleep(0.2)
    text = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.name}'"
    assert int(await asyncio.to_thread(postgres.execute, text)) == 2
    await pool.close()


async def test_closing_twice_at_once_is_closing_once(pool):
    async with pool.acquire(5):
        both = [asyncio.create_task(pool.close()) for _ in range(2)]
        await asyncio.sleep(0)
    await asyncio.gather(*both)
    await pool.open()
    async with pool.acquire(5) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_old_sessions_are_replaced(server):
    pool = PostgresPool(server, None, PoolLimits(ready=1, most=2, recycle_seconds=0.0))
    await pool.open()
    processes = set()
    for _ in range(3):
        async with pool.acquire(5) as connection:
            processes.add(await connection.fetchval(PROCESS))
    await pool.close()

    assert len(processes) == 3


async def test_a_pool_that_is_not_open_is_unavailable_and_can_be_opened_again(pool):
    await pool.open()
    await pool.close()
    await pool.close()
    with pytest.raises(BackendUnavailable, match="not open"):
        async with pool.acquire(5):
            pass
    await pool.open()
    async with pool.acquire(5) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_close_waits_for_the_block_that_runs_and_leaves_no_session_behind(pool, postgres, database):
    async with pool.acquire(5) as connection:
        closing = asyncio.create_task(pool.close())
        assert await connection.fetchval("SELECT pg_sleep(0.2)::text || 'done'") == "done"
        assert not closing.done()
    await closing
    await asyncio.sleep(0.3)

    text = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.name}'"
    assert int(await asyncio.to_thread(postgres.execute, text)) == 0


async def test_the_version_is_known_once_it_is_open(pool, server):
    assert pool.version.split(".")[0].isdecimal()
    assert PostgresPool(server, None, PoolLimits()).version == ""

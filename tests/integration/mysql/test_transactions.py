"""All or nothing, whatever fails in between."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from domain.errors import BackendContended, BackendUnavailable, RecordRefused
from tests.integration.mysql.conftest import killed

COUNT = "SELECT COUNT(*) FROM t"
MANY = "SELECT a.n, REPEAT('x', 1000) FROM d a, d b, d c, d d, d e"  # 100,000 rows


@pytest.fixture
async def table(pool):
    async with pool.acquire(30) as connection:
        await connection.execute("CREATE TABLE t (n INT NOT NULL PRIMARY KEY, v INT NOT NULL DEFAULT 0)")
        await connection.execute("CREATE TABLE d (n INT NOT NULL PRIMARY KEY)")
        await connection.execute("INSERT INTO d VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")


async def count(pool) -> int:
    async with pool.acquire(10) as connection:
        return await connection.fetchval(COUNT)


async def test_a_transaction_is_seen_when_it_ends(pool, table):
    async with pool.acquire(10) as connection, connection.transaction():
        assert await connection.execute("INSERT INTO t (n) VALUES (1), (2)") == 2
        assert await count(pool) == 0
    assert await count(pool) == 2


async def test_an_error_of_the_block_undoes_it(pool, table):
    async def change() -> None:
        async with pool.acquire(10) as connection, connection.transaction():
            await connection.execute("INSERT INTO t (n) VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    assert await count(pool) == 0


async def test_a_statement_that_failed_undoes_all_even_where_the_block_goes_on(pool, table):
    async def change() -> None:
        async with pool.acquire(10) as connection, connection.transaction():
            await connection.execute("INSERT INTO t (n) VALUES (1)")
            with pytest.raises(RecordRefused):
                await connection.execute("INSERT INTO t (n) VALUES (1)")
            await connection.execute("INSERT INTO t (n) VALUES (2)")

    with pytest.raises(BackendContended, match="rolled back"):
        await change()
    assert await count(pool) == 0


async def test_waiting_for_a_lock_in_vain_leaves_nothing_of_the_transaction(pool, table):
    async def change() -> None:
        async with pool.acquire(30) as connection, connection.transaction():
            await connection.execute("SET innodb_lock_wait_timeout = 1")
            await connection.execute("INSERT INTO t (n) VALUES (2)")
            await connection.execute("INSERT INTO t (n) VALUES (1)")

    async with pool.acquire(30) as holder, holder.transaction():
        await holder.execute("INSERT INTO t (n) VALUES (1)")
        with pytest.raises(BackendContended, match="1205"):
            await change()
    async with pool.acquire(10) as connection:
        assert await connection.fetch("SELECT n FROM t") == [(1,)]


async def test_of_two_that_wait_for_each_other_one_is_contended_and_nothing_of_it_stays(pool, table):
    async with pool.acquire(10) as connection:
        await connection.execute("INSERT INTO t (n) VALUES (1), (2)")
    both = asyncio.Barrier(2)

    async def change(first: int, second: int) -> None:
        async with pool.acquire(20) as connection, connection.transaction():
            await connection.execute("UPDATE t SET v = v + 1 WHERE n = %s", first)
            await both.wait()
            await connection.execute("UPDATE t SET v = v + 1 WHERE n = %s", second)

    answers = await asyncio.gather(change(1, 2), change(2, 1), return_exceptions=True)
    assert [type(answer) for answer in sorted(answers, key=str)].count(BackendContended) == 1
    async with pool.acquire(10) as connection:
        assert await connection.fetch("SELECT v FROM t ORDER BY n") == [(1,), (1,)]


async def test_a_transaction_in_another_joins_it(pool, table):
    async def change() -> None:
        async with pool.acquire(10) as connection, connection.transaction():
            async with connection.transaction():
                await connection.execute("INSERT INTO t (n) VALUES (1)")
            assert await count(pool) == 0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    assert await count(pool) == 0


async def test_repeatable_reads_see_one_snapshot_and_the_next_transaction_does_not(pool, table):
    async with pool.acquire(20) as reader:
        for isolation, seen in (("repeatable_read", [0, 0]), ("read_committed", [1, 2])):
            async with reader.transaction(isolation=isolation):
                found = [await reader.fetchval(COUNT)]
                async with pool.acquire(10) as writer:
                    await writer.execute(f"INSERT INTO t (n) VALUES ({await writer.fetchval(COUNT)})")
                assert [*found, await reader.fetchval(COUNT)] == seen


@pytest.mark.parametrize("late", [False, True], ids=["in a statement", "between statements"])
async def test_a_cancelled_transaction_leaves_nothing(pool, table, late):
    begun = asyncio.Event()

    async def change() -> None:
        async with pool.acquire(20) as connection, connection.transaction():
            await connection.execute("INSERT INTO t (n) VALUES (1)")
            begun.set()
            if late:
                await asyncio.sleep(20)
            await connection.execute("DO SLEEP(1)")

    changing = asyncio.create_task(change())
    await begun.wait()
    await asyncio.sleep(0.05)
    changing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await changing

    async with pool.acquire(20) as connection:  # waits for the lock of the dying one, if need be
        await connection.execute("INSERT INTO t (n) VALUES (1)")
    assert await count(pool) == 1


async def test_a_stream_gives_row_by_row_and_knows_its_end(pool, table):
    async with pool.acquire(30) as connection, connection.transaction():
        async with aclosing(connection.stream("SELECT n FROM d WHERE n < %s ORDER BY n", 7)) as rows:
            assert [row async for row in rows] == [(n,) for n in range(7)]
        assert await connection.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("text", ["SELECT n FROM d", MANY], ids=["few", "many"])
async def test_a_reader_may_leave_a_stream_early(pool, table, text):
    async with pool.acquire(30) as connection:
        before = await connection.fetchval("SELECT CONNECTION_ID()")
    async with (
        pool.acquire(30) as connection,
        connection.transaction(isolation="repeatable_read"),
        aclosing(connection.stream(text)) as rows,
    ):
        await anext(rows)
    async with pool.acquire(30) as connection:
        assert (await connection.fetchval("SELECT CONNECTION_ID()") == before) is (text is not MANY)


async def test_who_leaves_a_long_stream_behind_a_change_is_told_that_the_change_is_gone(pool, table):
    async def change() -> None:
        async with pool.acquire(30) as connection, connection.transaction():
            await connection.execute("INSERT INTO t (n) VALUES (1)")
            async with aclosing(connection.stream(MANY)) as rows:
                await anext(rows)

    with pytest.raises(BackendUnavailable, match="has ended"):
        await change()
    assert await count(pool) == 0


async def test_a_transaction_whose_server_is_gone_is_not_committed(pool, table, machine):
    async def change() -> None:
        async with pool.acquire(30) as connection, connection.transaction():
            await connection.execute("INSERT INTO t (n) VALUES (1)")
            async with killed(machine):
                pass

    with pytest.raises(BackendUnavailable):
        await change()
    assert await count(pool) == 0

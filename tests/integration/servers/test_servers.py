"""The servers that the other tests rely on are real ones, as durable as we say, and survive what is done to them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import aiomysql
import asyncpg
import pytest
import redis.asyncio

SQL = ["mariadb", "mysql", "postgres"]
ALL = [*SQL, "redis"]


@pytest.fixture
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def database(server):
    with server.database() as database:
        yield database


async def ask(database, *statements):
    """The first value that the last statement gives; each is committed by itself."""
    if database.scheme == "postgresql":
        connection = await asyncpg.connect(database.dsn, timeout=10)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()
    login = {"user": database.user, "password": database.password, "db": database.name}
    connection = await aiomysql.connect(host=database.host, port=database.port, autocommit=True, **login)
    try:
        cursor = await connection.cursor()
        for statement in statements:
            await cursor.execute(statement)
        return (await cursor.fetchone() or [None])[0]
    finally:
        connection.close()


def redis_client(database):
    return redis.asyncio.from_url(database.dsn, decode_responses=True, socket_timeout=10)


@pytest.mark.parametrize(
    ("server", "oldest", "newest"),
    [("mariadb", (10, 6), (12,)), ("mysql", (9,), (10,)), ("postgres", (13,), (19,))],
    indirect=["server"],
)
async def test_an_sql_server_is_of_a_supported_version(server, database, oldest, newest):
    question = "SHOW server_version" if server.name == "postgres" else "SELECT version()"
    version = await ask(database, question)
    assert oldest <= tuple(map(int, re.findall(r"\d+", version)[:2])) < newest
    assert ("MariaDB" in version) == (server.name == "mariadb")


@pytest.mark.parametrize("server", ["redis"], indirect=True)
async def test_redis_is_of_a_supported_version(server, database):
    async with redis_client(database) as client:
        assert (await client.info("server"))["redis_version"].startswith("7.")


@pytest.mark.parametrize("server", SQL, indirect=True)
async def test_committed_rows_survive_a_kill_at_the_same_address(server, database):
    await ask(database, "CREATE TABLE kept (number BIGINT PRIMARY KEY)", "INSERT INTO kept VALUES (7)")
    server.kill()
    with pytest.raises(OSError if server.name == "postgres" else aiomysql.OperationalError):
        await ask(database, "SELECT 1")
    server.start()
    assert await ask(database, "SELECT number FROM kept") == 7


@pytest.mark.parametrize("server", ["redis"], indirect=True)
async def test_confirmed_entries_survive_a_kill_at_the_same_address(server, database):
    async with redis_client(database) as client:
        await client.xadd("kept", {"number": 7})
    server.kill()
    server.start()
    async with redis_client(database) as client:
        assert [entry for _, entry in await client.xrange("kept")] == [{"number": "7"}]


@pytest.mark.parametrize("server", ALL, indirect=True)
async def test_a_paused_server_keeps_connections_and_goes_on(server, database):
    async def greet():
        if database.scheme != "redis":
            return await ask(database, "SELECT 1")
        async with redis_client(database) as client:
            return await client.ping()

    server.pause()
    waiting = asyncio.create_task(greet())
    done, _ = await asyncio.wait([waiting], timeout=0.5)
    assert not done
    server.unpause()
    assert await waiting


@pytest.mark.parametrize("server", SQL, indirect=True)
async def test_the_user_of_a_database_enters_no_other(server, database):
    with server.database() as other:
        assert await ask(other, "SELECT 1") == 1
        with pytest.raises((aiomysql.OperationalError, asyncpg.InsufficientPrivilegeError)):
            await ask(replace(database, name=other.name), "SELECT 1")


@pytest.mark.parametrize("server", ["mariadb", "mysql"], indirect=True)
async def test_mysql_syncs_a_commit(database):
    assert await ask(database, "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit") == 1
    if await ask(database, "SELECT @@GLOBAL.log_bin"):
        assert await ask(database, "SELECT @@GLOBAL.sync_binlog") == 1


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
async def test_postgres_syncs_a_commit(database):
    assert await ask(database, "SHOW fsync") == "on"
    assert await ask(database, "SHOW synchronous_commit") == "on"
    assert await ask(database, "SHOW full_page_writes") == "on"


@pytest.mark.parametrize("server", ["redis"], indirect=True)
async def test_redis_syncs_what_it_confirms_and_evicts_nothing(database):
    async with redis_client(database) as client:
        config = await client.config_get("*")
    assert (config["appendonly"], config["appendfsync"], config["maxmemory-policy"]) == ("yes", "always", "noeviction")

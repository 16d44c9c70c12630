"""Sessions with real servers: MariaDB and MySQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from adapters.mysql.backend_type import MYSQL, MysqlSettings
from adapters.mysql.pool import MysqlPool
from adapters.mysql.session import Session
from adapters.sql.backend import SqlBackend
from adapters.sql.pool import PoolLimits
from adapters.sql.server import Server
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.model.records import Record
from domain.model.secret import Secret
from ports.backend_type import BackendContext


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def machine(request):
    """A running server."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def database(machine):
    """A database on it."""
    with machine.database() as database:
        yield database


@pytest.fixture
async def place(database):
    """Where it is, as the adapter is told; without a table."""
    place = placed(database)
    session = Session(place, place.secret())
    await session.open()
    for (name,) in (await session.run(b"SHOW TABLES")).rows:
        await session.run(f"DROP TABLE {name}".encode())
    session.leave()
    return place


@pytest.fixture
def own_place(machine):
    """A database whose user may be changed."""
    with machine.database() as database:
        yield placed(database)


@pytest.fixture
async def pool(place):
    """A small pool of sessions with it."""
    sessions = MysqlPool(place, None, PoolLimits(ready=1))
    await sessions.open()
    yield sessions
    await sessions.close()


@pytest.fixture
async def connection(pool):
    """One of its sessions."""
    async with pool.acquire(60) as session:
        yield session


@pytest.fixture
async def backend(place):
    """The backend on its tables."""
    adapter = backend_at(place)
    await adapter.migrate()
    await adapter.open()
    yield adapter
    await adapter.close()


@asynccontextmanager
async def killed(machine) -> AsyncIterator[None]:
    """Without the server, which comes back whatever the block does."""
    await asyncio.to_thread(machine.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(machine.start)


def backend_at(place: Server, **keys) -> SqlBackend:
    password = quote(place.secret(), safe="")
    dsn = f"mysql://{quote(place.user)}:{password}@{place.host}:{place.port}/{place.database}"
    settings = MysqlSettings(**{"dsn": Secret(dsn), "pool_min": 1, **keys})
    return MYSQL.build(settings, BackendContext(name="main", data_folder=Path(), collections=BUILT_IN))


def filled(database, content: Mapping[Collection, Iterable[Record]]) -> Server:
    """Put records into the tables of a database, and let its server learn their numbers."""
    place = placed(database)

    async def fill() -> None:
        adapter = backend_at(place)
        await adapter.migrate()
        await adapter.open()
        for collection, given in content.items():
            records = list(given)
            for start in range(0, len(records), 1000):
                await adapter.write(collection, records[start : start + 1000])
        await adapter.close()
        pool = MysqlPool(place, None, PoolLimits(ready=1))
        await pool.open()
        async with pool.acquire(60) as connection:
            for collection in content:
                await connection.fetch(f"ANALYZE TABLE {collection.name}")
        await pool.close()

    asyncio.run(fill())
    return place


def placed(database, **changes) -> Server:
    given = {
        "host": database.host,
        "port": database.port,
        "database": database.name,
        "user": database.user,
        "password": Secret(database.password),
    }
    return Server(**{**given, **changes})

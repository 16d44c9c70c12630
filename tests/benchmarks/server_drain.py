"""The drain into database servers, and bare scripts of their drivers beside it: same rows, indexes and durability."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiomysql
import asyncpg

from adapters.mysql.bulk import parts, rendered
from adapters.mysql.product import identify
from adapters.postgres.bulk import bulk_upsert
from domain.model.built_in import BUILT_IN
from domain.model.secret import Secret
from domain.model.translation import TASKS
from entrypoints.backend_types import backend_type
from entrypoints.backends import build_backend
from entrypoints.sections import MAIN, ConfiguredBackend
from entrypoints.settings import Settings
from ports.migrating import Migrating
from tests.benchmarks.drain import engine
from tests.benchmarks.plan import Plan
from tests.benchmarks.results import Drain
from tests.benchmarks.yardsticks import rows_of
from tests.containers import engine_fault, image_fault, image_of
from tests.servers import Database, MariaDb, Postgres, Server

SERVERS: dict[str, tuple[str, type[Server]]] = {"MariaDB": ("mariadb", MariaDb), "PostgreSQL": ("postgres", Postgres)}
CONNECTIONS = (1, 2, 4)  # of the script; its best run counts
Rows = list[tuple[Any, ...]]


def missing(name: str) -> str | None:
    """Why a server cannot be measured here, if so."""
    return engine_fault() or image_fault(SERVERS[name][0])


def drains(name: str, plan: Plan, folder: Path) -> Iterator[Drain]:
    """The script with one, two and four connections, and the engine, in turn, each on an empty database."""
    kind, server = SERVERS[name]
    with server() as running:
        for repeat in range(plan.repeats):
            chunks = list(rows_of(_lines(plan, repeat)))
            best = min(_bare(kind, running, chunks, connections) for connections in CONNECTIONS)
            with running.database() as database:
                settings = _settings(kind, database, folder / str(repeat))
                ours = asyncio.run(engine(settings, _lines(plan, repeat)))
            yield Drain(backend=f"{name} ({image_of(kind)})", bare=plan.drained / best, engine=plan.drained / ours)


def _lines(plan: Plan, repeat: int) -> list[bytes]:
    from tests.benchmarks import bodies

    return list(bodies.tasks(plan.drained, f"d{repeat}"))


def _settings(kind: str, database: Database, folder: Path) -> Settings:
    """Everything is kept in the database, whose tables are made here."""
    found = backend_type(kind, "the benchmark")
    chosen = ConfiguredBackend(kind, found, found.settings(dsn=Secret(database.dsn), pool_min=2))
    settings = Settings(data_dir=str(folder), backends={MAIN: chosen})
    backend = build_backend(settings, MAIN, BUILT_IN)
    assert isinstance(backend, Migrating)
    asyncio.run(backend.migrate())
    return settings


def _bare(kind: str, server: Server, chunks: Sequence[Rows], connections: int) -> float:
    """Seconds of the script."""
    with server.database() as database:
        _settings(kind, database, Path("/nowhere"))
        return asyncio.run(SCRIPTS[kind](database, chunks, connections))


async def _shared(write: Sequence[Callable[[Rows], Awaitable[None]]], chunks: Sequence[Rows]) -> float:
    """Seconds in which the writers, one a connection, store all chunks; who is free takes the next."""
    waiting = iter(chunks)
    begun = time.perf_counter()

    async def worker(one: Callable[[Rows], Awaitable[None]]) -> None:
        for rows in waiting:
            await one(rows)

    await asyncio.gather(*map(worker, write))
    return time.perf_counter() - begun


async def _mysql(database: Database, chunks: Sequence[Rows], connections: int) -> float:
    there = {"host": database.host, "port": database.port, "user": database.user, "password": database.password}
    opened = [
        await aiomysql.connect(**there, db=database.name, charset="utf8mb4", autocommit=True)
        for _ in range(connections)
    ]
    async with opened[0].cursor() as cursor:
        await cursor.execute("SELECT @@version, @@version_comment, @@max_allowed_packet")
        product = identify(*await cursor.fetchone())
    upsert = rendered(TASKS, product)

    def writer(connection: aiomysql.Connection) -> Callable[[Rows], Awaitable[None]]:
        async def write(rows: Rows) -> None:
            async with connection.cursor() as cursor:
                for part in parts(upsert, rows, product):
                    await cursor.execute(part.statement.decode("utf-8", "surrogateescape"))

        return write

    try:
        return await _shared([writer(connection) for connection in opened], chunks)
    finally:
        for connection in opened:
            connection.close()


async def _postgres(database: Database, chunks: Sequence[Rows], connections: int) -> float:
    opened = [await asyncpg.connect(database.dsn) for _ in range(connections)]
    statement = bulk_upsert(TASKS)

    def writer(connection: asyncpg.Connection) -> Callable[[Rows], Awaitable[None]]:
        async def write(rows: Rows) -> None:
            await connection.execute(statement, *zip(*rows, strict=True))

        return write

    try:
        return await _shared([writer(connection) for connection in opened], chunks)
    finally:
        for connection in opened:
            await connection.close()


SCRIPTS = {"mariadb": _mysql, "postgres": _postgres}

"""One fixture a port, parametrised over its adapters."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from domain.model.built_in import STORED
from tests.contract.adapters import (
    BACKENDS,
    SERVERS,
    STATES,
    Indexes,
    opensearch_backend,
    redis_backend,
    redis_state,
    server_backend,
)
from tests.servers import Database
from tests.wire import Wire

OTHERS = {"redis": redis_backend, "opensearch": opensearch_backend}


@pytest.fixture(params=[*BACKENDS, *SERVERS, *OTHERS])
def kind(request):
    """The name of the backend under test; memory comes first: a fault of a suite shows before any engine starts."""
    return request.param


@pytest.fixture(scope="session")
def migrated():
    """A function (server) -> its database with this release's tables, made once and gone with the server."""
    made: dict[str, Database] = {}

    def database_of(server) -> Database:
        if server.name not in made:
            made[server.name] = server.create(0)
            asyncio.run(server_backend(made[server.name]).migrate())
        return made[server.name]

    return database_of


@pytest.fixture
def database(kind, request, migrated):
    """The database of a backend that is on a server; None for the others."""
    if kind == "redis":
        with request.getfixturevalue(kind).database() as database:
            yield database
    elif kind == "opensearch":
        server = request.getfixturevalue(kind)
        yield Indexes(server.host, server.port, server.prefix())
    else:
        yield migrated(request.getfixturevalue(kind)) if kind in SERVERS else None


@pytest.fixture
async def wire(kind, database):
    """What a backend's connections go through, where the test cuts it."""
    if database is None:
        pytest.skip(f"{kind} has no wire that could be cut")
    async with Wire(database.host, database.port) as wire:
        yield wire


@pytest.fixture
def port(request):
    """Where the backend finds its server, if not where it is."""
    return request.getfixturevalue("wire").port if "wire" in request.fixturenames else None


@pytest.fixture
async def backend(kind, tmp_path, database, port):
    """An open, empty storage backend."""
    build = OTHERS.get(kind, server_backend)
    adapter = BACKENDS[kind](tmp_path) if database is None else build(database, port)
    try:
        await adapter.open()
        if kind in SERVERS:
            async with adapter._pool.acquire(5) as connection:
                for table in (*(collection.name for collection in STORED), "conditional_writes"):
                    await connection.execute(f"DELETE FROM {table}")
        yield adapter
    finally:
        await adapter.close()


@pytest.fixture(params=[*STATES, "redis"])
async def state(request, tmp_path):
    """Open, empty dead letters, receipts and revision ceiling."""
    with ExitStack() as stack:
        if request.param == "redis":
            adapter = redis_state(stack.enter_context(request.getfixturevalue("redis").database()))
        else:
            adapter = STATES[request.param](tmp_path)
        await adapter.open()
        yield adapter
        await adapter.close()

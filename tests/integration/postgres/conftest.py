"""A PostgreSQL database of each test's own; a module whose tests leave it clean may have one for all of them."""

from __future__ import annotations

import pytest

from adapters.postgres.backend import postgres_backend
from adapters.postgres.backend_type import PostgresSettings
from adapters.postgres.pool import PostgresPool
from adapters.sql.pool import PoolLimits
from adapters.sql.server import Server
from domain.model.built_in import BUILT_IN
from domain.model.secret import Secret
from ports.backend_type import BackendContext


@pytest.fixture
def database(postgres):
    with postgres.database() as database:
        yield database


@pytest.fixture
def server(database):
    """The database as the adapter knows it."""
    return Server(
        host=database.host,
        port=database.port,
        database=database.name,
        user=database.user,
        password=Secret(database.password),
    )


@pytest.fixture
async def pool(server):
    opened = PostgresPool(server, None, PoolLimits(ready=2, most=4))
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def build(tmp_path, database):
    """Makes a backend on the database, not open; keys replace those of the settings."""

    def build(collections=BUILT_IN, **keys):
        settings = PostgresSettings(**{"dsn": Secret(database.dsn), "pool_min": 2, **keys})
        return postgres_backend(settings, BackendContext(name="main", data_folder=tmp_path, collections=collections))

    return build


@pytest.fixture
async def backend(build):
    """A backend that is open on empty tables of this release."""
    adapter = build()
    await adapter.migrate()
    await adapter.open()
    yield adapter
    await adapter.close()

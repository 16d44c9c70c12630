"""Records in a PostgreSQL database."""

from __future__ import annotations

from adapters.postgres.engine import PostgresEngine
from adapters.postgres.pool import PostgresPool
from adapters.sql.backend import SqlBackend
from adapters.sql.pool import PoolLimits
from adapters.sql.server import ServerSettings, caution, server, tls_context
from ports.backend_type import BackendContext
from sql import migrations

_SCHEMES = ("postgresql", "postgres")
_PORT = 5432


def postgres_backend(settings: ServerSettings, context: BackendContext) -> SqlBackend:
    """The shared backend on a pool of sessions to PostgreSQL, not open. Raises InvalidConfiguration."""
    table = f"backends.{context.name}"
    place = server(settings, table, _SCHEMES, _PORT)
    limits = PoolLimits(
        ready=settings.pool_min,
        most=settings.pool_max,
        recycle_seconds=settings.pool_recycle_seconds,
        connect_seconds=settings.connect_seconds,
    )
    pool = PostgresPool(place, tls_context(settings, table), limits)
    return SqlBackend(
        pool,
        PostgresEngine(pool),
        migrations("postgres"),
        context.collections,
        caution=caution(settings, place),
        query_seconds=settings.query_seconds,
        write_seconds=settings.write_seconds,
        parallel_writes=min(settings.parallel_writes, settings.pool_max),
    )

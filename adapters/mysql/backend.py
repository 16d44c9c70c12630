"""Records in a database of MySQL or MariaDB."""

from __future__ import annotations

from adapters.mysql.backend_type import MysqlSettings
from adapters.mysql.engine import MysqlEngine
from adapters.mysql.pool import MysqlPool
from adapters.sql.backend import SqlBackend
from adapters.sql.pool import PoolLimits
from adapters.sql.server import caution, server, tls_context
from ports.backend_type import BackendContext
from sql import migrations

_SCHEMES = ("mysql", "mariadb")
_PORT = 3306


def mysql_backend(settings: MysqlSettings, context: BackendContext) -> SqlBackend:
    """The shared backend on a pool of sessions, not open. Raises InvalidConfiguration."""
    table = f"backends.{context.name}"
    place = server(settings, table, _SCHEMES, _PORT)
    limits = PoolLimits(
        ready=settings.pool_min,
        most=settings.pool_max,
        overflow=settings.pool_overflow,
        recycle_seconds=settings.pool_recycle_seconds,
        connect_seconds=settings.connect_seconds,
    )
    pool = MysqlPool(place, tls_context(settings, table), limits)
    return SqlBackend(
        pool,
        MysqlEngine(pool),
        migrations("mysql"),
        context.collections,
        caution=caution(settings, place),
        query_seconds=settings.query_seconds,
        write_seconds=settings.write_seconds,
        parallel_writes=min(settings.parallel_writes, settings.pool_max),
    )

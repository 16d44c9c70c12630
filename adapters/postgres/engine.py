"""What PostgreSQL brings to the shared backend."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.postgres.bulk import blamed, bulk_upsert, portions
from adapters.postgres.dialect import CATALOGUE, POSTGRES
from adapters.postgres.pool import PostgresPool
from adapters.sql.connection import SqlConnection
from adapters.sql.queries import Prepared
from adapters.sql.rows import Row
from domain.errors import RecordRefused
from domain.model.collections import Collection

_PAGES = "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint"
_SAMPLED_PAGES = 1000  # 8 MiB


class PostgresEngine:
    """The engine of the sessions of one pool."""

    dialect = POSTGRES
    catalogue = CATALOGUE

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool
        self._upserts: dict[str, str] = {}  # by the collection's name

    @property
    def name(self) -> str:
        """As the seam says."""
        return f"PostgreSQL {self._pool.version}"

    async def upsert(self, connection: SqlConnection, collection: Collection, rows: Sequence[Row]) -> bool:
        """As the seam says: always True, for the tombstones have an index of their own."""
        text = self._upserts.get(collection.name)
        if text is None:
            text = self._upserts[collection.name] = bulk_upsert(collection)
        try:
            first, *more = (list(zip(*portion, strict=True)) for portion in portions(rows))
            if not more:
                await connection.execute(text, *first)
                return True
            async with connection.transaction():
                for arrays in (first, *more):
                    await connection.execute(text, *arrays)
        except RecordRefused as refusal:
            raise blamed(collection, rows, refusal) from refusal
        return True

    async def estimate(self, connection: SqlConnection, statement: Prepared) -> int:
        """As the seam says, from a sample of the table's pages: the planner knows nothing of rows that are new."""
        head, _, condition = statement.text.partition(" WHERE ")
        table = head.rpartition(" ")[2]
        pages = await connection.fetchval(_PAGES, table)
        percent = min(100.0, 100.0 * _SAMPLED_PAGES / max(pages, 1))
        sample = f"SELECT count(*) FROM {table} TABLESAMPLE SYSTEM ({percent}) WHERE {condition}"  # noqa: S608
        return int(await connection.fetchval(sample, *statement.parameters) * 100.0 / percent)

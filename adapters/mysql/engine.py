"""What MySQL and MariaDB bring to the shared backend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from adapters.mysql.bulk import Part, Upsert, parts, rendered
from adapters.mysql.connection import MysqlConnection
from adapters.mysql.dialect import MYSQL
from adapters.mysql.pool import MysqlPool
from adapters.mysql.product import Product
from adapters.mysql.session import Answer
from adapters.mysql.tables import look
from adapters.sql.connection import SqlConnection
from adapters.sql.engine import Catalogue
from adapters.sql.queries import Prepared
from adapters.sql.rows import Row
from domain.errors import RecordRefused, StatementTooLarge
from domain.model.collections import Collection, FieldType

_TELLS_ROW = (10, 7, 0)  # the first MariaDB that says in its diagnostics which row of a statement it refused
_SAMPLE = 1000  # matching rows
_SUMMARY = re.compile(r"Records: (\d+)  Duplicates: (\d+)")
_TEXT = ("varchar", "text", "mediumtext", "longtext")
_LOCK = "CONCAT('persistence.', LEFT(SHA2(DATABASE(), 256), 40))"  # the server's locks are not its databases'

_CATALOGUE = Catalogue(
    schema="DATABASE()",
    types={
        FieldType.IDENTIFIER: ("varbinary",),
        FieldType.TEXT: _TEXT,
        FieldType.EMAIL: _TEXT,
        FieldType.CHOICE: _TEXT,
        FieldType.OBJECT: _TEXT,
        FieldType.INTEGER: ("int", "bigint"),
        FieldType.LONG: ("bigint",),
        FieldType.INSTANT: ("bigint",),
    },
    collations=("utf8mb4_nopad_bin", "utf8mb4_0900_bin"),
    look=look,
    lock=f"SELECT GET_LOCK({_LOCK}, 86400)",  # seconds: the time that is given to all migrations ends before
    unlock=f"SELECT RELEASE_LOCK({_LOCK})",
)


class MysqlEngine:
    """As ``adapters.sql.engine.Engine`` says, on the sessions of one pool."""

    dialect = MYSQL
    catalogue = _CATALOGUE

    def __init__(self, pool: MysqlPool) -> None:
        self._pool = pool
        self._upserts: dict[tuple[str, Product], Upsert] = {}

    @property
    def name(self) -> str:
        """As the protocol says."""
        return str(self._pool.product or "MySQL")

    async def upsert(self, connection: SqlConnection, collection: Collection, rows: Sequence[Row]) -> bool:
        """As the protocol says. One statement is a transaction by itself."""
        own = cast("MysqlConnection", connection)  # the pool gives no others
        product = own.product
        upsert = self._rendered(collection, product)
        statements = list(parts(upsert, rows, product))
        if len(statements) == 1:
            return await _stored(own, statements[0])
        async with own.transaction():
            return any([await _stored(own, part) for part in statements])

    async def estimate(self, connection: SqlConnection, statement: Prepared) -> int:
        """As the protocol says; of the rows that it believes to lie on its way, a sample tells how many match."""
        product = cast("MysqlConnection", connection).product
        explain = "EXPLAIN EXTENDED" if product.is_mariadb else "EXPLAIN FORMAT = TRADITIONAL"
        *_, rows, _, _ = await connection.fetchrow(f"{explain} {statement.text}", *statement.parameters) or (0, 0, 0)
        before = await _rows_read(connection)
        found = len(await connection.fetch(f"{statement.text} LIMIT {_SAMPLE}", *statement.parameters))
        read = await _rows_read(connection) - before
        return int(rows or 0) * found // max(read, found, 1)

    def _rendered(self, collection: Collection, product: Product) -> Upsert:
        place = (collection.name, product)
        if place not in self._upserts:
            self._upserts[place] = rendered(collection, product)
        return self._upserts[place]


async def _rows_read(connection: SqlConnection) -> int:
    """How many rows the session's statements have looked at so far."""
    return sum(int(value) for _, value in await connection.fetch("SHOW SESSION STATUS LIKE 'Handler_read_%'"))


async def _stored(connection: MysqlConnection, part: Part) -> bool:
    """Run a statement; whether a row of it may have met a stored one."""
    try:
        answer = await connection.send(part.statement)
    except StatementTooLarge as error:
        if part.size > 1:
            raise
        raise RecordRefused(error.detail, index=part.first) from error
    except RecordRefused as refusal:
        place = await _refused_place(connection, part, refusal)
        index = None if place is None else part.first + place
        raise RecordRefused(refusal.detail, index=index, taken=refusal.taken) from refusal
    return not _were_all_new(answer, part.size)


async def _refused_place(connection: MysqlConnection, part: Part, refusal: RecordRefused) -> int | None:
    """Which row of a statement was refused, None where the server does not tell."""
    if part.size == 1:
        return 0
    if not connection.product.is_mariadb or connection.product.version < _TELLS_ROW:
        return refusal.index
    await connection.execute("GET DIAGNOSTICS CONDITION 1 @refused_row = ROW_NUMBER")
    row = await connection.fetchval("SELECT @refused_row")
    return int(row) - 1 if row else None


def _were_all_new(answer: Answer, count: int) -> bool:
    """An inserted row counts 1, a changed one 2, an equal one 0: the sum says it together with the number changed."""
    summary = _SUMMARY.search(answer.message)  # there is none where the statement has one row
    return answer.affected == count and (count == 1 or (summary is not None and summary[2] == "0"))

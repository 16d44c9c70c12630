"""Numbers of records: exact where that is cheap or asked for, else estimated from a sample."""

from __future__ import annotations

import sqlite3

from adapters.sql import queries
from adapters.sql.filters import Conditions
from adapters.sqlite.dialect import SQLITE
from domain.model.collections import Collection
from domain.model.query import EXACT_COUNT_LIMIT, CountMode, Filter

_SAMPLES = 1000  # rows looked at for an estimate


def count_matching(
    connection: sqlite3.Connection, collection: Collection, where: Filter, mode: CountMode
) -> tuple[int | None, bool]:
    """The number of visible records that match, or None, and whether it is exact."""
    if mode is CountMode.NONE:
        return None, False
    limit = EXACT_COUNT_LIMIT + 1 if mode is CountMode.ESTIMATED else None
    (found,) = connection.execute(*queries.count(collection, SQLITE, where, at_most=limit)).fetchone()
    if limit is None or found < limit:
        return found, True
    return max(found, _estimate(connection, collection, where)), False


def _estimate(connection: sqlite3.Connection, collection: Collection, where: Filter) -> int:
    """Looks at evenly spread row ids: holes and tombstones count as rows that do not match."""
    (newest,) = connection.execute(f"SELECT max(rowid) FROM `{collection.name}`").fetchone()  # noqa: S608  # declared
    conditions = Conditions(collection, SQLITE)
    matching = conditions.sql(conditions.visible(where))
    sample = [newest * i // _SAMPLES for i in range(1, _SAMPLES + 1)]
    text = f"SELECT count(*) FROM `{collection.name}` NOT INDEXED WHERE {matching} AND rowid IN "  # noqa: S608
    text += f"({', '.join('?' * _SAMPLES)})"
    (hits,) = connection.execute(text, [*conditions.parameters, *sample]).fetchone()
    return int(hits * newest // _SAMPLES)

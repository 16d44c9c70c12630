"""The statements that do not depend on a request: rendered once per collection and dialect, placeholders only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec
from pypika import Case, CustomFunction, PostgreSQLQuery, Query, Table, Tuple
from pypika.dialects import PostgreSQLQueryBuilder
from pypika.terms import Criterion

from adapters.sql.dialect import Dialect
from domain.model.collections import Collection

VERSION = ("updated_at", "revision")
SERVICE_COLUMNS = ("created_at", *VERSION, "deleted_at")


class Statements(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's statements in one dialect. Rows have the columns in the order of ``columns``."""

    upsert: str  # parameters: one row
    read: str  # parameter: a key
    version: str  # parameter: a key; a row of the stored ``updated_at, revision``
    delete: str  # parameter: a key
    select: str  # up to the table: conditions, order and limit follow


def columns(collection: Collection) -> tuple[str, ...]:
    """Column names in the order of every row: the data fields, then the service's columns."""
    return (*(field.name for field in collection.data_fields), *SERVICE_COLUMNS)


def statements(collection: Collection, dialect: Dialect) -> Statements:
    """Render what a backend needs for a collection. The upsert is that of engines with ON CONFLICT."""
    table = Table(collection.name)
    by_key = table[collection.key] == dialect.placeholder(1)
    everything = Query.from_(table).select(*columns(collection))
    return Statements(
        upsert=guarded_upsert(collection, dialect),
        read=everything.where(by_key).get_sql(quote_char=dialect.quote),
        version=Query.from_(table).select(*VERSION).where(by_key).get_sql(quote_char=dialect.quote),
        delete=Query.from_(table).delete().where(by_key).get_sql(quote_char=dialect.quote),
        select=everything.get_sql(quote_char=dialect.quote),
    )


def guarded_upsert(collection: Collection, dialect: Dialect) -> str:
    """Insert a row, or let the greater version win; ``created_at`` becomes the earliest; a replay writes nothing.

    The version's columns are assigned last: an engine that evaluates assignments one after the other would compare
    the rest with a version that is already the new one.
    """
    stored, sent = Table(collection.name), Table("excluded")
    newer = Tuple(*(sent[column] for column in VERSION)) > Tuple(*(stored[column] for column in VERSION))
    earlier = sent.created_at < stored.created_at
    names = columns(collection)
    row = (dialect.placeholder(i) for i in range(1, len(names) + 1))
    inserting = cast("PostgreSQLQueryBuilder", PostgreSQLQuery.into(stored).columns(*names).insert(*row))
    query = inserting.on_conflict(collection.key)
    least = CustomFunction(dialect.least, ["one", "other"])
    query = query.do_update("created_at", least(stored.created_at, sent.created_at))
    for column, value in _newer_values(collection, newer, stored, sent):
        query = query.do_update(column, value)
    return str(query.where(newer | earlier).get_sql(quote_char=dialect.quote))


def _newer_values(collection: Collection, newer: Criterion, stored: Table, sent: Table) -> Iterator[tuple[str, Case]]:
    data = (field.name for field in collection.data_fields[1:])
    for column in (*data, "deleted_at", *VERSION):
        yield column, Case().when(newer, sent[column]).else_(stored[column])

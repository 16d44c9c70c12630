"""The statements that do not depend on a request: rendered once per collection and dialect, placeholders only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from pypika import Case, CustomFunction, PostgreSQLQuery, Query, Table, Tuple
from pypika.terms import Criterion, Function, Term

from adapters.sql.dialect import Dialect
from adapters.sql.rows import Row, version_of
from domain.model.collections import Collection, Field, FieldType

VERSION = ("updated_at", "revision")
SERVICE_COLUMNS = ("created_at", *VERSION, "deleted_at")


class Statements(msgspec.Struct, frozen=True, kw_only=True):
    """One collection's statements in one dialect. Rows have the columns in the order of ``columns``."""

    upsert: str  # parameters: one row
    read: str  # parameter: a key
    version: str  # parameter: a key; a row of the stored ``updated_at, revision``
    delete: str  # parameter: a key
    rewrite: str  # parameters: ``rewriting``
    select: str  # up to the table: conditions, order and limit follow


def columns(collection: Collection) -> tuple[str, ...]:
    """Column names in the order of every row: the data fields, then the service's columns."""
    return (*(field.name for field in collection.data_fields), *SERVICE_COLUMNS)


def column_fields(collection: Collection) -> tuple[Field, ...]:
    """What each of ``columns`` holds: its field, or an integer of 64 bits that belongs to the service."""
    own = collection.by_name
    return tuple(
        own.get(name) or Field(name=name, type=FieldType.INSTANT, nullable=name == "deleted_at")
        for name in columns(collection)
    )


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
        rewrite=_rewrite(collection, dialect) if collection.rewritten else "",
        select=everything.get_sql(quote_char=dialect.quote),
    )


def _rewrite(collection: Collection, dialect: Dialect) -> str:
    """An update of what may be encrypted, where the version is the same."""
    table, names = Table(collection.name), [collection.data_fields[place].name for place in collection.rewritten]
    places = [dialect.placeholder(number) for number in range(1, len(names) + len(VERSION) + 2)]
    query: Any = Query.update(table)  # Any: pypika knows less of its builder than it does
    for name, place in zip(names, places, strict=False):
        query = query.set(table[name], place)
    for name, place in zip((collection.key, *VERSION), places[len(names) :], strict=True):
        query = query.where(table[name] == place)
    return str(query.where(table.deleted_at.isnull()).get_sql(quote_char=dialect.quote))


def rewriting(collection: Collection, row: Row) -> Row:
    """The parameters of ``rewrite`` for a row: what may be encrypted, then key and version."""
    return (*(row[place] for place in collection.rewritten), row[0], *version_of(row))


def guarded_upsert(collection: Collection, dialect: Dialect, rows: Function | None = None) -> str:
    """Insert a row, or let the greater version win; a replay writes nothing. For engines with ON CONFLICT.

    ``rows``: what gives the rows, column by column, where it is not one row of placeholders.
    """
    stored, sent = Table(collection.name), Table("excluded")
    names = columns(collection)
    into: Any = PostgreSQLQuery.into(stored).columns(*names)  # Any: pypika knows less of its builder than it does
    row = (dialect.placeholder(i) for i in range(1, len(names) + 1))
    query: Any = (into.from_(rows).select("*") if rows else into.insert(*row)).on_conflict(collection.key)
    for column, value in merged(collection, dialect, sent.field):
        query = query.do_update(column, value)
    changes = newer(collection, sent.field) | (sent.created_at < stored.created_at)
    return str(query.where(changes).get_sql(quote_char=dialect.quote))


def newer(collection: Collection, sent: Callable[[str], Term]) -> Criterion:
    """Whether the version that is ``sent`` (a term by column) is greater than the stored one."""
    stored = Table(collection.name)
    return Tuple(*(sent(column) for column in VERSION)) > Tuple(*(stored[column] for column in VERSION))


def merged(collection: Collection, dialect: Dialect, sent: Callable[[str], Term]) -> Iterator[tuple[str, Term]]:
    """What each column becomes when a row meets a stored one, in the order of assignment.

    The greater version wins whole; ``created_at`` becomes the earliest of both, whatever wins. The version comes
    last and ``updated_at`` behind ``revision``: an engine that evaluates assignments one after the other
    would compare the rest with a version that is already the new one.
    """
    stored = Table(collection.name)
    yield "created_at", CustomFunction(dialect.least, ["one", "other"])(stored.created_at, sent("created_at"))
    data = (field.name for field in collection.data_fields[1:])
    for column in (*data, "deleted_at", *reversed(VERSION)):
        yield column, Case().when(newer(collection, sent), sent(column)).else_(stored[column])

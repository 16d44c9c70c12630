"""The statements of one request: a page, a count, numbers by value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pypika import Field, Query, Table
from pypika.functions import Count

from adapters.sql.dialect import Dialect
from adapters.sql.filters import Conditions
from adapters.sql.pages import PORTION_RECORDS
from adapters.sql.statements import Statements
from domain.model.collections import Collection
from domain.model.query import And, Condition, Filter, Operator, Sort
from domain.model.query import Query as PageQuery


class Prepared(NamedTuple):
    """A statement with the values of its placeholders."""

    text: str
    parameters: list[Any]  # values, or one array of them where the dialect takes arrays


def page(collection: Collection, dialect: Dialect, statements: Statements, query: PageQuery) -> Prepared:
    """One record more than the page holds, in order."""
    conditions = Conditions(collection, dialect)
    where = conditions.visible(query.filter)
    if query.after is not None:
        where &= conditions.behind(query.sort, query.after)
    text = f"{statements.select} WHERE {conditions.sql(where)} ORDER BY {_order(collection, query.sort, dialect)}"
    text += f" LIMIT {conditions.bind(query.limit + 1).get_sql()}"
    if query.offset:
        text += f" OFFSET {conditions.bind(query.offset).get_sql()}"
    return Prepared(text, conditions.parameters)


def everything(
    collection: Collection, dialect: Dialect, statements: Statements, after: str | None, among: Sequence[str] | None
) -> Prepared:
    """A portion of all rows behind a key, or of those ``among`` keys, tombstones too, in the order of the keys."""
    conditions = Conditions(collection, dialect)
    key = Sort(collection.key)
    where = [conditions.one_of(among)] if among is not None else []
    where += [conditions.sql(conditions.behind((key,), (after,)))] if after is not None else []
    text = f"{statements.select}{' WHERE ' if where else ''}{' AND '.join(where)}"
    text += f" ORDER BY {_order(collection, (key,), dialect)} LIMIT {conditions.bind(PORTION_RECORDS + 1).get_sql()}"
    return Prepared(text, conditions.parameters)


def matching(collection: Collection, dialect: Dialect, where: Filter, *, at_most: int | None = None) -> Prepared:
    """A row for each visible record that matches, ``at_most`` so many."""
    conditions = Conditions(collection, dialect)
    found = Query.from_(Table(collection.name)).select(1).where(conditions.visible(where))
    text = found.get_sql(quote_char=dialect.quote)
    if at_most is not None:
        text += f" LIMIT {conditions.bind(at_most).get_sql()}"
    return Prepared(text, conditions.parameters)


def count(collection: Collection, dialect: Dialect, where: Filter, *, at_most: int | None = None) -> Prepared:
    """How many visible records match; counting stops at ``at_most``."""
    text, parameters = matching(collection, dialect, where, at_most=at_most)
    return Prepared(f"SELECT COUNT(*) FROM ({text}) AS matching", parameters)  # noqa: S608  # declared names


def versions(
    collection: Collection, dialect: Dialect, keys: Sequence[str], condition: str | None = None, *, lock: bool = False
) -> Prepared:
    """Rows of ``key, updated_at, revision, deleted_at`` of the stored ones among ``keys``, tombstones too.

    ``condition``: a further one, on columns that every table has; ``lock``: until the transaction ends.
    """
    conditions = Conditions(collection, dialect)
    quoted = f"{dialect.quote}{collection.key}{dialect.quote}"
    table = f"{dialect.quote}{collection.name}{dialect.quote}"
    where = conditions.one_of(keys)
    text = f"SELECT {quoted}, updated_at, revision, deleted_at FROM {table} WHERE {where}"  # noqa: S608  # declared
    text += f" AND {condition}" if condition else ""
    return Prepared(f"{text} ORDER BY {quoted} FOR UPDATE" if lock else text, conditions.parameters)


def old(collection: Collection, dialect: Dialect, before: datetime, *, at_most: int) -> Prepared:
    """Rows of the keys of the oldest visible records among those that were created before a moment."""
    conditions = Conditions(collection, dialect)
    where = conditions.sql(conditions.visible(_created_before(before)))
    quoted = f"{dialect.quote}{collection.key}{dialect.quote}"
    table = f"{dialect.quote}{collection.name}{dialect.quote}"
    text = f"SELECT {quoted} FROM {table} WHERE {where} ORDER BY created_at"  # noqa: S608  # declared names
    text += f" LIMIT {conditions.bind(at_most).get_sql()}"
    return Prepared(text, conditions.parameters)


def removal(collection: Collection, dialect: Dialect, keys: Sequence[str], before: datetime) -> Prepared:
    """Remove those among ``keys`` that were created before a moment."""
    conditions = Conditions(collection, dialect)
    table = f"{dialect.quote}{collection.name}{dialect.quote}"
    where = f"{conditions.one_of(keys)} AND {conditions.sql(conditions.visible(_created_before(before)))}"
    return Prepared(f"DELETE FROM {table} WHERE {where}", conditions.parameters)  # noqa: S608  # declared names


def _created_before(moment: datetime) -> Condition:
    return Condition("created_at", Operator.LT, (moment,))


def count_by(collection: Collection, dialect: Dialect, field: str, where: Filter) -> Prepared:
    """Rows of a field's value and the number of visible records that match and have it."""
    conditions = Conditions(collection, dialect)
    visible = conditions.visible(where)
    query = Query.from_(Table(collection.name)).select(Field(field), Count("*")).where(visible).groupby(Field(field))
    return Prepared(query.get_sql(quote_char=dialect.quote), conditions.parameters)


def index_advice(collection: Collection, query: PageQuery) -> str:
    """One sentence on the index that would serve a slow query, in its filter's and its sort's order."""
    terms = query.filter.terms if isinstance(query.filter, And) else (query.filter,)
    compared = [term for term in terms if isinstance(term, Condition)]
    pinned = [c.field for c in compared if c.operator is Operator.EQ]
    ranged = [key.field for key in query.sort if key.field != collection.key] or [c.field for c in compared]
    wanted = tuple(dict.fromkeys(pinned + ranged))
    if not wanted or wanted == (collection.key,) or any(i.fields[: len(wanted)] == wanted for i in collection.indexes):
        return "Its index is there: narrow the filter."
    return f"An index on {collection.name} ({', '.join(wanted)}) is missing."


def _order(collection: Collection, sort: tuple[Sort, ...], dialect: Dialect) -> str:
    return ", ".join(_sorted_by(collection, key, dialect) for key in sort)


def _sorted_by(collection: Collection, key: Sort, dialect: Dialect) -> str:
    text = f"{dialect.quote}{key.field}{dialect.quote}{' DESC' if key.descending else ''}"
    if dialect.nulls_are_greatest and collection.by_name[key.field].nullable:
        text += " NULLS LAST" if key.descending else " NULLS FIRST"
    return text

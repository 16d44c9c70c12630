"""The statements of one request: a page, a count, numbers by value."""

from __future__ import annotations

from typing import NamedTuple

from pypika import Field, Query, Table
from pypika.functions import Count

from adapters.sql.dialect import Dialect
from adapters.sql.filters import Conditions
from adapters.sql.statements import Statements
from domain.model.collections import Collection
from domain.model.query import And, Condition, Filter, Operator, Sort
from domain.model.query import Query as PageQuery
from domain.model.records import Value


class Prepared(NamedTuple):
    """A statement with the values of its placeholders."""

    text: str
    parameters: list[Value]


def page(collection: Collection, dialect: Dialect, statements: Statements, query: PageQuery) -> Prepared:
    """One record more than the page holds, in order."""
    conditions = Conditions(collection, dialect)
    where = conditions.visible(query.filter)
    if query.after is not None:
        where &= conditions.behind(query.sort, query.after)
    text = f"{statements.select} WHERE {conditions.sql(where)} ORDER BY {_order(query.sort, dialect)}"
    text += f" LIMIT {conditions.bind(query.limit + 1).get_sql()}"
    if query.offset:
        text += f" OFFSET {conditions.bind(query.offset).get_sql()}"
    return Prepared(text, conditions.parameters)


def count(collection: Collection, dialect: Dialect, where: Filter, *, at_most: int | None = None) -> Prepared:
    """How many visible records match; counting stops at ``at_most``."""
    conditions = Conditions(collection, dialect)
    matching = Query.from_(Table(collection.name)).select(1).where(conditions.visible(where))
    text = matching.get_sql(quote_char=dialect.quote)
    if at_most is not None:
        text += f" LIMIT {conditions.bind(at_most).get_sql()}"
    text = f"SELECT COUNT(*) FROM ({text}) AS matching"  # noqa: S608  # made of declared names and placeholders
    return Prepared(text, conditions.parameters)


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


def _order(sort: tuple[Sort, ...], dialect: Dialect) -> str:
    quote = dialect.quote
    return ", ".join(f"{quote}{key.field}{quote}{' DESC' if key.descending else ''}" for key in sort)

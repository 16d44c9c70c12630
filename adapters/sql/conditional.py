"""The statements that remember which conditional writes were stored, so that a repeated one gets the same verdict."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.sql.dialect import Dialect
from adapters.sql.queries import Prepared
from domain.model.collections import Collection
from domain.model.revisions import compose, tick_of

_KEPT_MILLISECONDS = 2 * 24 * 60 * 60 * 1000  # of revisions: far longer than a write is on its way again


def stored(collection: Collection, dialect: Dialect, revisions: Sequence[int]) -> Prepared:
    """Rows of ``revision``: which of these were stored."""
    name, *places = _places(dialect, revisions)
    among = f"= ANY({places[0]})" if dialect.takes_arrays else f"IN ({', '.join(places)})"
    text = f"SELECT revision FROM conditional_writes WHERE collection = {name} AND revision {among}"  # noqa: S608
    return Prepared(text, _parameters(collection, dialect, revisions))


def note(collection: Collection, dialect: Dialect, revisions: Sequence[int]) -> Prepared:
    """An insert: these are stored now, at least one."""
    if dialect.takes_arrays:
        name, many = _places(dialect, revisions)
        values = f"SELECT {name}, unnest(CAST({many} AS bigint[]))"
        parameters = _parameters(collection, dialect, revisions)
    else:
        one, two = (dialect.placeholder(number).get_sql() for number in (1, 2))
        values = f"VALUES {', '.join([f'({one}, {two})'] * len(revisions))}"
        parameters = [part for revision in revisions for part in (collection.name, revision)]
    return Prepared(f"INSERT INTO conditional_writes (collection, revision) {values}", parameters)


def forget(collection: Collection, dialect: Dialect, newest: int) -> Prepared:
    """A delete: of what is too old to come again, seen from the ``newest`` revision."""
    name, last = (dialect.placeholder(number).get_sql() for number in (1, 2))
    text = f"DELETE FROM conditional_writes WHERE collection = {name} AND revision < {last}"  # noqa: S608  # placeholders
    return Prepared(text, [collection.name, compose(max(0, tick_of(newest) - _KEPT_MILLISECONDS), 0, 0)])


def _places(dialect: Dialect, revisions: Sequence[int]) -> list[str]:
    """Placeholders of the collection's name, and of the array or of each revision."""
    count = 1 if dialect.takes_arrays else len(revisions)
    return [dialect.placeholder(number).get_sql() for number in range(1, count + 2)]


def _parameters(collection: Collection, dialect: Dialect, revisions: Sequence[int]) -> list[object]:
    return [collection.name, list(revisions)] if dialect.takes_arrays else [collection.name, *revisions]

"""Many rows in one statement: an array for each column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pypika.functions import Cast
from pypika.terms import Function

from adapters.postgres.dialect import POSTGRES, TYPES
from adapters.sql.pages import Portion
from adapters.sql.rows import Row
from adapters.sql.statements import column_fields, guarded_upsert
from domain.errors import RecordRefused
from domain.model.collections import RANGES, Collection, Field

_RECORDS = 1000  # of one statement
_CHARACTERS = 16 * 1024 * 1024  # of text in one statement: the server takes at most 1 GiB, and we have to hold it

_LONG = 2**63


def bulk_upsert(collection: Collection) -> str:
    """The guarded upsert whose parameters are the columns of many rows."""
    kinds = (TYPES[field.type] for field in column_fields(collection))
    arrays = (Cast(POSTGRES.placeholder(n), f"{kind}[]") for n, kind in enumerate(kinds, start=1))  # type: ignore[no-untyped-call]
    return guarded_upsert(collection, POSTGRES, Function("UNNEST", *arrays))


def portions(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    """Rows in order, as many at a time as one statement holds."""
    portion = Portion(_RECORDS, _CHARACTERS)
    for row in rows:
        if not portion.take(row):
            yield portion.rows
            portion = Portion(_RECORDS, _CHARACTERS)
            portion.take(row)
    if portion.rows:
        yield portion.rows


def blamed(collection: Collection, rows: Iterable[Row], refusal: RecordRefused) -> RecordRefused:
    """The refusal of a batch, for the first row that no table holds: neither server nor driver tells which it is."""
    fields = column_fields(collection)
    for index, row in enumerate(rows):
        for field, value in zip(fields, row, strict=True):
            fault = _fault(field, value)
            if fault:
                return RecordRefused(f"PostgreSQL cannot hold `{field.name}`: {fault}.", index=index)
    return refusal


def _fault(field: Field, value: object) -> str | None:
    """Why a column does not hold a value."""
    match value:
        case None:
            return None if field.nullable else "it is null"
        case str() if TYPES[field.type] == "text":
            return _fault_of_text(value)
        case int() if TYPES[field.type] != "text":
            lowest, highest = RANGES.get(field.type, (-_LONG, _LONG - 1))
            return None if lowest <= value <= highest else "the number is too large"
    return f"it is of the type {type(value).__name__}"


def _fault_of_text(text: str) -> str | None:
    if "\0" in text:
        return "it has a NUL character"
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return "it has a lone surrogate"
    return None

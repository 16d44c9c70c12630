"""The query language: an operator tree, sort keys, a page, a projection. The same on every backend.

Text compares and sorts by code point; ``contains`` and ``prefix`` are case-sensitive literals; null sorts lowest and
matches no comparison but ``isnull``, ``ne`` and ``nin``; ties are broken by the key, ascending.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import datetime
from enum import StrEnum

import msgspec

from domain.errors import InvalidCursor
from domain.model.records import Record

MAX_PAGE_SIZE = 1000
EXACT_COUNT_LIMIT = 10_000

Operand = str | int | datetime | bool
"""A value that a field is compared with, already checked against the field's type."""


class Operator(StrEnum):
    """How a field is compared. ``ne`` and ``nin`` are the exact complements of ``eq`` and ``in`` (null included)."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    IN = "in"
    NIN = "nin"
    CONTAINS = "contains"
    PREFIX = "prefix"
    ISNULL = "isnull"
    BETWEEN = "between"  # both ends included


class Condition(msgspec.Struct, frozen=True, tag="condition"):
    """One comparison. ``operands``: one value; any number for in/nin; two for between; one bool for isnull."""

    field: str
    operator: Operator
    operands: tuple[Operand, ...]


class And(msgspec.Struct, frozen=True, tag="and"):
    """All of the terms hold; an empty one holds always."""

    terms: tuple[Filter, ...]


class Or(msgspec.Struct, frozen=True, tag="or"):
    """One of the terms holds; an empty one never holds."""

    terms: tuple[Filter, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The term does not hold."""

    term: Filter


Filter = Condition | And | Or | Not
EVERYTHING = And(())


class Sort(msgspec.Struct, frozen=True):
    """One sort key."""

    field: str
    descending: bool = False


class CountMode(StrEnum):
    """What is known of the number of matching records."""

    EXACT = "exact"
    ESTIMATED = "estimated"  # exact up to ``EXACT_COUNT_LIMIT``, then an estimate
    NONE = "none"


SortValue = str | int | datetime | None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A checked query: every field exists, every operand has its field's type, the key is the last sort key."""

    filter: Filter = EVERYTHING
    sort: tuple[Sort, ...]  # never empty; the last one is the collection's key
    limit: int = 20  # 1..MAX_PAGE_SIZE
    offset: int = 0  # 0 where ``after`` is given
    after: tuple[SortValue, ...] | None = None  # sort values of the last record of the page before
    fields: tuple[str, ...] | None = None  # projection in answers; None: all
    count: CountMode = CountMode.ESTIMATED


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    """One page of records."""

    items: tuple[Record, ...]
    total: int | None  # None where not counted
    total_exact: bool
    more: bool  # whether a record follows the last item


def encode_cursor(query: Query, values: tuple[SortValue, ...]) -> str:
    """The opaque base64url text of a place in the result of this query (filter and sort)."""
    content = msgspec.json.encode((_fingerprint(query), values))
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode_cursor(query: Query, text: str, types: tuple[type, ...]) -> tuple[SortValue, ...]:
    """Read a cursor given for the same filter and sort; ``types`` are those of the sort fields.

    Raises InvalidCursor when it is no cursor, was edited, or belongs to another query.
    """
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        fingerprint, values = msgspec.json.decode(content, type=tuple[str, tuple[msgspec.Raw, ...]])
        decoded = tuple(msgspec.json.decode(value, type=kind | None) for value, kind in zip(values, types, strict=True))
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidCursor("The cursor is not one that this service gave.") from error
    if fingerprint != _fingerprint(query):
        raise InvalidCursor("The cursor belongs to another filter or sort.")
    return decoded


def _fingerprint(query: Query) -> str:
    shape = msgspec.json.encode((query.filter, query.sort))
    return base64.urlsafe_b64encode(hashlib.sha256(shape).digest()[:9]).decode()

"""The query language: an operator tree, sort keys, a page, a projection. The same on every backend.

Text compares and sorts by code point; ``contains`` and ``prefix`` are case-sensitive literals; null sorts lowest and
matches no comparison but ``isnull``, ``ne`` and ``nin``. Ties are broken by the key, in the direction of the sort key
before it (``ordered``), so that one index serves a list both ways; other directions are correct, not fast.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from domain.errors import InvalidCursor, InvalidParameter
from domain.model.collections import RANGES, Collection, Field, FieldType
from domain.model.records import Record

MAX_PAGE_SIZE = 1000
EXACT_COUNT_LIMIT = 10_000
MAX_CONDITIONS = 200  # comparisons in one filter
MAX_OPERANDS = 10_000  # values in one filter
MAX_CURSOR = 2_000  # characters: a cursor must fit into an address beside its filter

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


def ordered(collection: Collection, *keys: Sort) -> tuple[Sort, ...]:
    """Complete sort keys with the collection's key, in the direction of the last one."""
    if any(sort.field == collection.key for sort in keys):
        return keys
    return (*keys, Sort(collection.key, descending=bool(keys) and keys[-1].descending))


def conditions(where: Filter) -> Iterator[Condition]:
    """Every comparison in a filter, left to right."""
    match where:
        case Condition():
            yield where
        case Not(term):
            yield from conditions(term)
        case And(terms) | Or(terms):
            for term in terms:
                yield from conditions(term)


def declared(collection: Collection, name: str) -> Field:
    """A field by name. Raises InvalidParameter."""
    field = collection.by_name.get(name)
    if field is None:
        raise InvalidParameter(f"{collection.name} has no field {name[:80]!r}.")
    return field


def check_filter(collection: Collection, where: Filter) -> None:
    """Every field is declared and every operand has its field's very type: ``True`` is not 1, ``"1"`` neither.

    Backends call this before they build a statement, whoever checked before. Raises InvalidParameter.
    """
    found = list(conditions(where))
    if len(found) > MAX_CONDITIONS or sum(len(condition.operands) for condition in found) > MAX_OPERANDS:
        raise InvalidParameter(f"A filter has at most {MAX_CONDITIONS} conditions and {MAX_OPERANDS} values.")
    for condition in found:
        field = declared(collection, condition.field)
        if not _fits(field, condition):
            raise InvalidParameter(f"{condition.operator} on {field.name} ({field.type}) does not take these values.")


def check_query(collection: Collection, query: Query) -> None:
    """The filter, the sort keys and the cursor's length fit the collection. Raises InvalidParameter."""
    check_filter(collection, query.filter)
    for sort in query.sort:
        declared(collection, sort.field)
    if not query.sort or query.sort[-1].field != collection.key:
        raise InvalidParameter(f"The last sort key must be {collection.key!r}.")
    if query.after is not None and len(query.after) != len(query.sort):
        raise InvalidParameter("A cursor has one value for each sort key.")


_COUNTS = {Operator.IN: None, Operator.NIN: None, Operator.BETWEEN: 2}  # operands; None: any number; the rest: 1


def _fits(field: Field, condition: Condition) -> bool:
    count = _COUNTS.get(condition.operator, 1)
    if count is not None and len(condition.operands) != count:
        return False
    if condition.operator is Operator.ISNULL:
        return type(condition.operands[0]) is bool
    if condition.operator in (Operator.CONTAINS, Operator.PREFIX) and operand_type(field) is not str:
        return False
    return all(type(value) is operand_type(field) and is_usable(field, value) for value in condition.operands)


def operand_type(field: Field) -> type[str] | type[int] | type[datetime]:
    """What values of a field are compared with."""
    if field.type in RANGES:
        return int
    return datetime if field.type is FieldType.INSTANT else str


def is_usable(field: Field, value: SortValue) -> bool:
    """Whether every backend compares the field with it: integers in range, aware times, no lone surrogates."""
    match value:
        case str():
            return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
        case int():
            lowest, highest = RANGES[field.type]
            return lowest <= value <= highest
        case datetime():
            return value.tzinfo is not None
    return True


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


class Anchor(msgspec.Struct, frozen=True):
    """A place whose sort values are too long for a cursor: the record there, and a seal of its values."""

    key: str
    seal: str


def encode_cursor(query: Query, values: tuple[SortValue, ...]) -> str:
    """The opaque base64url text of a place in the result of this query (filter and sort).

    ``values``: those of the sort fields, the key last; where they are long the cursor holds the key alone.
    """
    seal = _fingerprint(query, values)
    text = _encoded(seal, values)
    return text if len(text) <= MAX_CURSOR else _encoded(seal, values[-1])


def decode_cursor(query: Query, text: str, fields: Sequence[Field]) -> tuple[SortValue, ...] | Anchor:
    """Read a cursor given for the same filter and sort; ``fields``: those of the sort.

    An ``Anchor`` becomes a place by ``values_at``, with the values that its record has now.

    Raises InvalidCursor when it is no cursor, was edited, or belongs to another query.
    """
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        seal, values = msgspec.json.decode(content, type=tuple[str, str | tuple[msgspec.Raw, ...]])
        if isinstance(values, str):
            return _anchor(text, Anchor(values, seal))
        decoded = tuple(
            msgspec.json.decode(value, type=operand_type(field) | None)
            for value, field in zip(values, fields, strict=True)
        )
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidCursor("The cursor is not one that this service gave.") from error
    usable = all(map(is_usable, fields, decoded))
    if not decoded or decoded[-1] is None or not usable or encode_cursor(query, decoded) != text:
        raise InvalidCursor("The cursor was edited, or belongs to another filter or sort.")
    return decoded


def values_at(query: Query, anchor: Anchor, values: tuple[SortValue, ...] | None) -> tuple[SortValue, ...]:
    """The place of an anchor; ``values``: its record's, None where it is gone.

    Raises InvalidCursor when they are not those that the cursor was given for.
    """
    if values is None or _fingerprint(query, values) != anchor.seal:
        raise InvalidCursor("The cursor was edited, belongs to another query, or stands on a record that has changed.")
    return values


def _anchor(text: str, found: Anchor) -> Anchor:
    if _encoded(found.seal, found.key) != text:
        raise ValueError("It holds more than it says.")
    return found


def _encoded(seal: str, place: SortValue | tuple[SortValue, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((seal, place))).rstrip(b"=").decode()


def _fingerprint(query: Query, values: tuple[SortValue, ...]) -> str:
    """Binds a cursor to its query and to its own content: a slip is found, who forges one gains nothing."""
    content = msgspec.json.encode((query.filter, query.sort, values))
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:9]).decode()

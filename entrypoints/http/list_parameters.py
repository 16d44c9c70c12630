"""The GET form of a query, as every list takes it.

- ``field=value`` and ``field__operator=value`` must all hold. ``in``, ``nin`` and ``between`` take values separated by
  commas, and may be repeated for more values; a comma inside a value is written ``\\,`` and a backslash ``\\\\``.
  ``isnull`` takes ``true`` or ``false``.
- ``from_date`` <= ``created_at`` < ``to_date``; a bare date in ``to_date`` includes that day.
- ``sort_by`` and ``order`` (``asc``, ``desc``) take one word or several, separated by commas.
- ``page`` and ``page_size``, or ``cursor`` (from ``next_cursor``) and ``page_size``.
- ``fields``, ``count`` (``exact``, ``estimated``, ``none``), ``consistency`` (``eventual``, ``strong``).

The control words win over fields of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from domain.errors import InvalidParameter
from domain.model.collections import Collection
from domain.model.query import (
    MAX_CONDITIONS,
    MAX_PAGE_SIZE,
    Anchor,
    And,
    Condition,
    CountMode,
    Filter,
    Operator,
    Query,
    QueryResult,
    SortValue,
    decode_cursor,
    encode_cursor,
    values_at,
)
from domain.model.records import Record
from domain.services import query_rules
from entrypoints.http.parameters import Pairs, singles, whole, word

PAGE_SIZE = 20
MAX_DEPTH = 100_000  # page * page_size; further on by cursor
MAX_LINK = 8_000  # bytes; common clients refuse a response whose header has more
CONTROLS = (
    "page",
    "page_size",
    "cursor",
    "sort_by",
    "order",
    "fields",
    "count",
    "consistency",
    "from_date",
    "to_date",
)
_DATES = ("from_date", "to_date")
_LISTS = frozenset({Operator.IN, Operator.NIN, Operator.BETWEEN})
_LIST_ITEM = re.compile(r"(?:[^,\\]|\\.)*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A list that was asked for, checked."""

    query: Query
    page: int | None  # None where a cursor leads
    fields: tuple[str, ...] | None  # of the answer; ``revision`` may be among them
    strong: bool  # flush first
    anchor: Anchor | None = None  # the place of a cursor that names its record only; ``located`` finds it
    pairs: Pairs  # as sent, for the link to the next page


def parse(collection: Collection, pairs: Pairs, *fixed: Filter) -> ListRequest:
    """Read a list's parameters; ``fixed``: what the address, or a body, demands.

    Raises InvalidParameter, naming the parameter and what there is; InvalidCursor.
    """
    control = singles([pair for pair in pairs if pair[0] in CONTROLS], CONTROLS)
    conditions = terms(collection, pairs, CONTROLS, fixed)
    sort = query_rules.sort_of(collection, _words(control, "sort_by"), _words(control, "order"))
    fields = (
        query_rules.projection(collection, _words(control, "fields"))
        if "fields" in control
        else query_rules.listed(collection)
    )
    page, size = _page(control)
    query = Query(
        filter=And(conditions),
        sort=sort,
        limit=size,
        offset=0 if page is None else (page - 1) * size,
        fields=None if fields is None else tuple(name for name in fields if name != query_rules.REVISION),
        count=_count(control),
    )
    anchor = None
    if "cursor" in control:
        place = decode_cursor(query, control["cursor"], [collection.by_name[key.field] for key in sort])
        if isinstance(place, Anchor):
            anchor = place
        else:
            query = msgspec.structs.replace(query, after=place)
    strong = word(control, "consistency", ("eventual", "strong")) == "strong"
    return ListRequest(query=query, page=page, fields=fields, strong=strong, pairs=pairs, anchor=anchor)


async def located(
    collection: Collection, asked: ListRequest, read: Callable[[str], Awaitable[Record | None]]
) -> ListRequest:
    """The same list with the place of its cursor; ``read`` gives the record of a key.

    Raises InvalidCursor where the record that the cursor names is gone or was changed.
    """
    if asked.anchor is None:
        return asked
    record = await read(asked.anchor.key) if query_rules.is_identifier(asked.anchor.key) else None
    values = None if record is None else _values(collection, record, asked.query)
    after = values_at(asked.query, asked.anchor, values)
    return msgspec.structs.replace(asked, query=msgspec.structs.replace(asked.query, after=after))


def next_cursor(collection: Collection, asked: ListRequest, result: QueryResult) -> str | None:
    """The place behind the last item, None at the end."""
    if not result.more or not result.items:
        return None
    return encode_cursor(asked.query, _values(collection, result.items[-1], asked.query))


def next_link(path: str, asked: ListRequest, cursor: str) -> str | None:
    """The ``Link`` header to the next page: the same parameters, led by the cursor; None where it is too long."""
    kept = [(name, value) for name, value in asked.pairs if name not in ("page", "cursor")]
    link = f'<{path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'
    return link if len(link) <= MAX_LINK else None


def terms(
    collection: Collection, pairs: Pairs, controls: Sequence[str], fixed: Sequence[Filter] = ()
) -> tuple[Filter, ...]:
    """The conditions that parameters other than ``controls`` make, and the two dates among these; all must hold.

    Raises InvalidParameter.
    """
    control = {name: value for name, value in pairs if name in _DATES}
    found = (*fixed, *_filters(collection, pairs, controls), *_dates(control))
    if len(found) > MAX_CONDITIONS:
        raise InvalidParameter(f"A list takes at most {MAX_CONDITIONS} conditions.")
    return found


def _filters(collection: Collection, pairs: Pairs, controls: Sequence[str]) -> list[Condition]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in controls:
            found.setdefault(name, []).append(value)
    return [term for name, values in found.items() for term in _conditions(collection, name, values, controls)]


def _conditions(collection: Collection, parameter: str, values: list[str], controls: Sequence[str]) -> list[Condition]:
    name, _, suffix = parameter.rpartition("__")
    if not name:
        name, suffix = parameter, Operator.EQ.value
    if name not in collection.by_name:
        raise InvalidParameter(
            f"`{parameter[:80]}` is neither a parameter nor a field with an operator. Parameters: "
            f"{', '.join(controls)}. Fields: {', '.join(collection.by_name)}."
        )
    field = collection.by_name[name]
    operator = query_rules.operator_of(field, suffix)
    if operator in _LISTS:
        items = [item for value in values for item in _split(value)]
        return [query_rules.condition(field, operator, items)]
    if len(values) > 1 and operator is Operator.EQ:
        raise InvalidParameter(f"`{name}` cannot equal several values at once; write `{name}__in=a,b` for any of them.")
    return [query_rules.condition(field, operator, [value]) for value in values]


def _split(text: str) -> list[str]:
    """The items between commas; ``\\,`` and ``\\\\`` stand for themselves."""
    items, place = [], 0
    while True:
        match = _LIST_ITEM.match(text, place)
        end = match.end() if match else place
        items.append(_ESCAPED.sub(r"\1", text[place:end]))
        if end == len(text):
            return items
        if text[end] != ",":
            raise InvalidParameter("A list of values ends with a single backslash; write a backslash as `\\\\`.")
        place = end + 1


def _dates(control: Mapping[str, str]) -> list[Condition]:
    terms = []
    if "from_date" in control:
        start = query_rules.instant("from_date", control["from_date"])
        terms.append(Condition("created_at", Operator.GTE, (start,)))
    if "to_date" in control:
        end = query_rules.end_of("to_date", control["to_date"])
        terms.append(Condition("created_at", Operator.LT, (end,)))
    return terms


def _page(control: Mapping[str, str]) -> tuple[int | None, int]:
    size = whole(control, "page_size", PAGE_SIZE, 1, MAX_PAGE_SIZE)
    if "cursor" in control:
        if "page" in control:
            raise InvalidParameter("`page` and `cursor` exclude each other; a cursor already stands for a place.")
        return None, size
    page = whole(control, "page", 1, 1, 10**18)
    if page * size > MAX_DEPTH:
        raise InvalidParameter(f"`page` * `page_size` ends at {MAX_DEPTH}; go on with `cursor` from `next_cursor`.")
    return page, size


def _count(control: Mapping[str, str]) -> CountMode:
    if "count" not in control:
        return CountMode.NONE if "cursor" in control else CountMode.ESTIMATED
    return CountMode(word(control, "count", tuple(CountMode)))


def _words(control: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in control[name].split(",")] if name in control else []


def _values(collection: Collection, record: Record, query: Query) -> tuple[SortValue, ...]:
    return tuple(_value(collection, record, key.field) for key in query.sort)


def _value(collection: Collection, record: Record, field: str) -> SortValue:
    if field == "created_at":
        return record.created_at
    if field == "updated_at":
        return record.updated_at
    return record.values[collection.positions[field]]

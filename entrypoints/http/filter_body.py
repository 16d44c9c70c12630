"""The body form of a query: an operator tree, and the words that lists take in their addresses.

    {"filter": {"level": "error", "or": [{"service": {"prefix": "api"}}, {"task_id": {"isnull": false}}]},
     "sort_by": ["created_at"], "order": ["desc"], "page_size": 50}

Members of an object must all hold; ``and`` and ``or`` take arrays of such objects, ``not`` takes one. A field is
compared with a value, or by operators: ``{"created_at": {"gte": "2026-11-24", "lt": "2026-11-25"}}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from domain.errors import InvalidParameter, MalformedBody
from domain.model.collections import RANGES, Collection, Field
from domain.model.query import MAX_CONDITIONS, And, Condition, Filter, Not, Operator, Or, conditions
from domain.services import query_rules, strict_json
from entrypoints.http.parameters import Pairs

_LISTS = frozenset({Operator.IN, Operator.NIN, Operator.BETWEEN})
_BOOLEANS = {True: "true", False: "false"}


class _Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    filter: dict[str, Any] = {}  # Any: judged by the fields that it names
    sort_by: list[str] | UnsetType = UNSET
    order: list[str] | UnsetType = UNSET
    fields: list[str] | UnsetType = UNSET
    page: int | UnsetType = UNSET
    page_size: int | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    count: str | UnsetType = UNSET
    consistency: str | UnsetType = UNSET


_QUESTION = msgspec.json.Decoder(_Question)


def read(collection: Collection, body: bytes) -> tuple[Filter, Pairs]:
    """The filter of a body, and its other members as the parameters of a list.

    Raises MalformedBody; InvalidParameter, naming the member.
    """
    strict_json.check(body)
    try:
        question = _QUESTION.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidParameter(f"The body is no query: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from None
    where = tree(collection, question.filter)
    if sum(1 for _ in conditions(where)) > MAX_CONDITIONS:
        raise InvalidParameter(f"A query takes at most {MAX_CONDITIONS} conditions.")
    given = {name: getattr(question, name) for name in _Question.__struct_fields__[1:]}
    return where, [(name, _word(value)) for name, value in given.items() if value is not UNSET]


def tree(collection: Collection, node: object) -> Filter:
    """A filter from its JSON. Raises InvalidParameter, naming what is wrong."""
    if not isinstance(node, dict):
        raise InvalidParameter("`filter`: `and` and `or` take arrays of objects, `not` takes an object.")
    terms = [_term(collection, name, value) for name, value in node.items()]
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def _term(collection: Collection, name: str, value: object) -> Filter:
    if name in ("and", "or"):
        if not isinstance(value, list) or not value:
            raise InvalidParameter(f"`filter`: `{name}` takes an array of one object or more.")
        terms = tuple(tree(collection, term) for term in value)
        return And(terms) if name == "and" else Or(terms)
    if name == "not":
        return Not(tree(collection, value))
    field = query_rules.field_of(collection, name)
    compared: Mapping[str, object] = value if isinstance(value, dict) else {Operator.EQ.value: value}
    if not compared:
        raise InvalidParameter(f"`{name}` is compared by no operator.")
    return And(tuple(_condition(field, query_rules.operator_of(field, word), each) for word, each in compared.items()))


def _condition(field: Field, operator: Operator, value: object) -> Condition:
    if operator in _LISTS:
        if not isinstance(value, list):
            raise InvalidParameter(f"`{field.name}`: {operator} takes an array.")
        return query_rules.condition(field, operator, [_text(field, each) for each in value])
    if operator is Operator.ISNULL:
        return query_rules.condition(field, operator, [_BOOLEANS[value]] if isinstance(value, bool) else [])
    return query_rules.condition(field, operator, [_text(field, value)])


def _text(field: Field, value: object) -> str:
    """A value as an address has it. Raises InvalidParameter where it is of another type than the field's."""
    wanted = int if field.type in RANGES else str
    if type(value) is not wanted:
        kind = "an integer" if wanted is int else "a text"
        cure = "; `isnull` asks for null" if value is None else ""
        raise InvalidParameter(f"`{field.name}` is compared with {kind}{cure}.")
    return str(value)


def _word(value: str | int | Sequence[str]) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)

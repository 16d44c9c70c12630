"""A filter as OpenSearch's own query, with the same answers as on every backend.

A text that may be longer than a term of an index is there twice: its head, which compares and sorts, and the whole of
it, in which parts are looked for. One that is longer than its head has a digest too, by which it is told from others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.errors import InvalidParameter
from domain.model.collections import RANGES, Collection, Field, FieldType
from domain.model.query import And, Condition, Filter, Not, Operand, Operator, Or
from domain.model.records import EPOCH, MICROSECOND

Clause = dict[str, Any]
"""Any: a part of a document that is sent as JSON."""

HEAD_CHARS = 1000  # of a long text, which a term holds whatever the characters
PART_CHARS = 200  # of what is looked for in a long text: expressions beyond some 1,000 states are refused
_STATES = 1_000_000  # of the automaton that is made of an expression: what the longest part needs
MAX_EXPRESSION = 2 * PART_CHARS + 100  # characters
_RANGES = {Operator.LT: "lt", Operator.LTE: "lte", Operator.GT: "gt", Operator.GTE: "gte"}


def is_long(field: Field) -> bool:
    """Whether a value may be longer than a term of an index."""
    return field.type in (FieldType.TEXT, FieldType.OBJECT) and (field.max_chars or HEAD_CHARS + 1) > HEAD_CHARS


def whole(field: Field) -> str:
    """The path of a field's values."""
    return field.name if field.type is FieldType.INSTANT else f"values.{field.name}"


def compared(field: Field) -> str:
    """The path of what a field is compared by."""
    return f"heads.{field.name}" if is_long(field) else whole(field)


def digest_of(text: str) -> str:
    """What tells a text from all others."""
    return hashlib.sha256(text.encode()).hexdigest()


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def query_of(collection: Collection, where: Filter) -> Clause:
    """A checked filter. Raises InvalidParameter for a comparison of a long text with one that is too long."""
    match where:
        case Condition():
            return _condition(collection.by_name[where.field], where.operator, where.operands)
        case Not(term):
            return _none_of(query_of(collection, term))
        case And(terms):
            return {"bool": {"filter": [query_of(collection, term) for term in terms]}}
        case Or(()):
            return {"match_none": {}}
        case Or(terms):
            return any_of([query_of(collection, term) for term in terms])


def any_of(clauses: Sequence[Clause]) -> Clause:
    """One of them holds."""
    return {"bool": {"should": list(clauses), "minimum_should_match": 1}}


def _none_of(clause: Clause) -> Clause:
    return {"bool": {"must_not": [clause]}}


def _condition(field: Field, operator: Operator, operands: tuple[Operand, ...]) -> Clause:
    values = [micros(value) if isinstance(value, datetime) else value for value in operands]
    match operator:
        case Operator.ISNULL:
            there = {"exists": {"field": compared(field)}}
            return _none_of(there) if operands[0] else there
        case Operator.EQ | Operator.IN:
            return _one_of(field, values)
        case Operator.NE | Operator.NIN:
            return _none_of(_one_of(field, values))
        case Operator.BETWEEN:
            return _between(field, {"gte": values[0], "lte": values[1]})
        case Operator.CONTAINS:
            return _part(field, str(values[0]))
        case Operator.PREFIX:
            return _beginning(field, str(values[0]))
    return _between(field, {_RANGES[operator]: values[0]})


def _one_of(field: Field, values: Sequence[Any]) -> Clause:
    """Any: values of one field are of one type."""
    short = [value for value in values if not is_cut(field, value)]
    same: Clause = {"terms": {compared(field): short}}
    cut = [digest_of(value) for value in values if is_cut(field, value)]
    return any_of([same, {"terms": {f"digests.{field.name}": cut}}]) if cut else same


def _between(field: Field, ends: dict[str, Any]) -> Clause:
    """Any: as above."""
    for end in ends.values():
        _check_length(field, end)
    return {"range": {compared(field): ends}}


def _beginning(field: Field, start: str) -> Clause:
    _check_length(field, start)
    return {"prefix": {compared(field): {"value": start}}}


def _check_length(field: Field, value: Any) -> None:
    """Any: as above."""
    if is_cut(field, value):
        raise InvalidParameter(f"`{field.name}` is compared with texts of less than {HEAD_CHARS} characters.")


def is_cut(field: Field, value: Any) -> bool:
    """Whether the head of a text does not tell whether it is this one. Any: values of one field are of one type."""
    return isinstance(value, str) and is_long(field) and len(value) >= HEAD_CHARS


def _part(field: Field, text: str) -> Clause:
    if not text:
        return {"exists": {"field": compared(field)}}
    if is_long(field) and len(text) > PART_CHARS:
        raise InvalidParameter(f"`{field.name}` is searched for parts of at most {PART_CHARS} characters.")
    if is_long(field):
        # A pattern with `*` would do for most, but a backslash in one is read otherwise.
        looked_for = {"value": f".*{_literal(text)}.*", "flags": "NONE", "max_determinized_states": _STATES}
        return {"regexp": {whole(field): looked_for}}
    pattern = re.sub(r"([\\*?])", r"\\\1", text)
    return {"wildcard": {whole(field): {"value": f"*{pattern}*"}}}


def _literal(text: str) -> str:
    """A text as a regular expression of Lucene's that matches it alone."""
    return re.sub(r"([^\w\s])", r"\\\1", text)


def column_type(field: Field) -> str:
    """OpenSearch's type of a field's values."""
    if field.type is FieldType.INSTANT or field.type in RANGES:
        return "long"
    return "wildcard" if is_long(field) else "keyword"

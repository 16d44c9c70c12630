"""What the query language means, in plain Python: the reference that every backend is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from domain.model.collections import Collection
from domain.model.query import And, Condition, Filter, Not, Operator, Or, Sort, SortValue
from domain.model.records import Record

Predicate = Callable[[Record], bool]


def reader(collection: Collection, field: str) -> Callable[[Record], SortValue]:
    """A function that reads a field of a record."""
    if field == "created_at":
        return lambda record: record.created_at
    if field == "updated_at":
        return lambda record: record.updated_at
    position = collection.positions[field]
    return lambda record: record.values[position]


def matcher(collection: Collection, where: Filter) -> Predicate:
    """Whether a record matches a checked filter."""
    match where:
        case Not(term):
            inner = matcher(collection, term)
            return lambda record: not inner(record)
        case And(terms):
            all_of = [matcher(collection, term) for term in terms]
            return lambda record: all(holds(record) for holds in all_of)
        case Or(terms):
            any_of = [matcher(collection, term) for term in terms]
            return lambda record: any(holds(record) for holds in any_of)
        case Condition():
            read, test = reader(collection, where.field), _test(where.operator, where.operands)
            return lambda record: test(read(record))


def ranked(collection: Collection, sort: Sequence[Sort], records: Iterable[Record]) -> list[Record]:
    """Records in the order of the sort keys; null is the lowest."""
    result = list(records)
    for key in reversed(sort):
        result.sort(key=_ranker(reader(collection, key.field)), reverse=key.descending)
    return result


def behind(collection: Collection, sort: Sequence[Sort], place: Sequence[SortValue]) -> Predicate:
    """Whether a record follows a place in the order of the sort keys."""
    keys = [
        (reader(collection, key.field), key.descending, _rank(value)) for key, value in zip(sort, place, strict=True)
    ]

    def follows(record: Record) -> bool:
        for read, descending, rank in keys:
            own = _rank(read(record))
            if own != rank:
                return (own < rank) is descending
        return False

    return follows


def _ranker(read: Callable[[Record], SortValue]) -> Callable[[Record], tuple[Any, ...]]:
    return lambda record: _rank(read(record))


def _rank(value: SortValue) -> tuple[Any, ...]:
    """Any: values of one field are of one type, which the checker cannot know."""
    return () if value is None else (value,)


def _test(operator: Operator, operands: tuple[Any, ...]) -> Callable[[Any], bool]:  # Any: as in ``_rank``
    if operator is Operator.ISNULL:
        return lambda value: (value is None) is operands[0]
    if operator in (Operator.IN, Operator.NIN):
        return lambda value: (value in operands) is (operator is Operator.IN)
    if operator is Operator.NE:
        return lambda value: bool(value != operands[0])
    compare = _COMPARISONS[operator]
    return lambda value: value is not None and compare(value, *operands)


_COMPARISONS: dict[Operator, Callable[..., bool]] = {
    Operator.EQ: lambda value, operand: value == operand,
    Operator.LT: lambda value, operand: value < operand,
    Operator.LTE: lambda value, operand: value <= operand,
    Operator.GT: lambda value, operand: value > operand,
    Operator.GTE: lambda value, operand: value >= operand,
    Operator.BETWEEN: lambda value, lower, upper: lower <= value <= upper,
    Operator.CONTAINS: lambda value, operand: operand in value,
    Operator.PREFIX: lambda value, operand: value.startswith(operand),
}

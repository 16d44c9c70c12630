"""From the operator tree to a WHERE condition with parameters.

SQL's third truth value never shows: a condition on a nullable field says what null means, and ``not`` is pushed down
to the comparisons, each of which has an exact complement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any

from pypika import CustomFunction, Field, Tuple
from pypika.terms import Criterion, Parameter, Term, ValueWrapper

from adapters.sql.dialect import Dialect
from adapters.sql.rows import encode
from domain.model.collections import Collection
from domain.model.query import And, Condition, Filter, Not, Operand, Operator, Or, Sort, SortValue

Comparison = Callable[[Any, Any], Criterion]  # of the operator module; Any: pypika overloads them for its terms

ALWAYS = ValueWrapper(1) == ValueWrapper(1)
NEVER = ValueWrapper(1) == ValueWrapper(0)

_COMPARISONS: dict[Operator, tuple[Comparison, Comparison]] = {  # what holds, and its complement
    Operator.EQ: (eq, ne),
    Operator.LT: (lt, ge),
    Operator.LTE: (le, gt),
    Operator.GT: (gt, le),
    Operator.GTE: (ge, lt),
}
_POSITIVE = {Operator.NE: Operator.EQ, Operator.NIN: Operator.IN}


class Conditions:
    """The conditions of one statement; ``parameters`` grows in the order of the placeholders.

    Takes checked filters and sort keys only (``domain.model.query.check_query``).
    """

    def __init__(self, collection: Collection, dialect: Dialect) -> None:
        self.parameters: list[Any] = []  # values, or an array of them where the dialect takes arrays
        self._collection = collection
        self._dialect = dialect

    def visible(self, where: Filter) -> Criterion:
        """No tombstone, and the filter holds."""
        shown = Field("deleted_at").isnull()
        return shown if where == And(()) else shown & self._filter(where, holds=True)

    def behind(self, sort: Sequence[Sort], after: Sequence[SortValue]) -> Criterion:
        """The records that follow a place in the order of ``sort``.

        A row comparison where it means the same and an index then leads straight to the place, ties or not.
        """
        descending = sort[0].descending
        uniform = self._dialect.seeks_rows and all(k.descending is descending for k in sort) and None not in after
        if uniform and not (descending and any(self._nullable(k.field) for k in sort)):
            fields = Tuple(*(Field(k.field) for k in sort))
            place = Tuple(*(self.bind(value) for value in after))
            return fields < place if descending else fields > place
        return self._behind(list(zip(sort, after, strict=True)))

    def bind(self, value: Operand | SortValue) -> Parameter:
        """A placeholder for a value."""
        self.parameters.append(encode(value))
        return self._dialect.placeholder(len(self.parameters))

    def one_of(self, keys: Sequence[str]) -> str:
        """The text of a condition: the key is one of these."""
        quoted = f"{self._dialect.quote}{self._collection.key}{self._dialect.quote}"
        values: list[Any] = [list(keys)] if self._dialect.takes_arrays else list(keys)
        places = ", ".join(self.bind(value).get_sql() for value in values)
        if self._dialect.takes_arrays:
            return f"{quoted} = ANY({places})"
        return f"{quoted} IN ({places})" if values else "1 = 0"

    def sql(self, criterion: Term) -> str:
        """The text of a condition."""
        return str(criterion.get_sql(quote_char=self._dialect.quote))

    def _filter(self, where: Filter, *, holds: bool) -> Criterion:
        match where:
            case Not(term):
                return self._filter(term, holds=not holds)
            case And(terms):
                parts = [self._filter(term, holds=holds) for term in terms]
                return _joined(parts, and_, ALWAYS) if holds else _joined(parts, or_, NEVER)
            case Or(terms):
                parts = [self._filter(term, holds=holds) for term in terms]
                return _joined(parts, or_, NEVER) if holds else _joined(parts, and_, ALWAYS)
            case Condition():
                return self._condition(where, holds=holds)

    def _condition(self, condition: Condition, *, holds: bool) -> Criterion:
        field = Field(condition.field)
        if condition.operator is Operator.ISNULL:
            return field.isnull() if condition.operands[0] is holds else field.notnull()
        if condition.operator in _POSITIVE:
            holds = not holds
        operator = _POSITIVE.get(condition.operator, condition.operator)
        criterion = self._comparison(field, operator, condition.operands, holds=holds)
        return criterion if holds or not self._nullable(condition.field) else criterion | field.isnull()

    def _comparison(self, field: Field, operator: Operator, operands: tuple[Operand, ...], *, holds: bool) -> Criterion:
        """The condition on a field that is not null."""
        match operator:
            case Operator.IN:
                return self._among(field, operands, holds=holds)
            case Operator.CONTAINS:
                place = CustomFunction(self._dialect.position, ["text", "part"])(field, self.bind(operands[0]))
                return place > 0 if holds else place == 0
            case Operator.PREFIX:
                prefix = str(operands[0])
                return self._range(field, prefix, lt, after_prefix(prefix), holds=holds)
            case Operator.BETWEEN:
                return self._range(field, operands[0], le, operands[1], holds=holds)
        return _COMPARISONS[operator][not holds](field, self.bind(operands[0]))

    def _among(self, field: Field, operands: tuple[Operand, ...], *, holds: bool) -> Criterion:
        if not operands:
            return NEVER if holds else ALWAYS
        values = [self.bind(value) for value in operands]
        return field.isin(values) if holds else field.notin(values)

    def _range(
        self, field: Field, lower: Operand, below: Comparison, upper: Operand | None, *, holds: bool
    ) -> Criterion:
        above: Criterion = (ge if holds else lt)(field, self.bind(lower))
        if upper is None:
            return above
        limit: Criterion = (below if holds else {lt: ge, le: gt}[below])(field, self.bind(upper))
        return above & limit if holds else above | limit

    def _behind(self, keys: Sequence[tuple[Sort, SortValue]]) -> Criterion:
        (sort, value), *rest = keys
        field = Field(sort.field)
        beyond = self._beyond(field, sort, value)
        if not rest:
            return beyond
        same = field.isnull() if value is None else field == self.bind(value)
        return beyond | (same & self._behind(rest))

    def _beyond(self, field: Field, sort: Sort, value: SortValue) -> Criterion:
        """The values that follow one value in the order of a sort key; null is the lowest."""
        if value is None:
            return NEVER if sort.descending else field.notnull()
        if not sort.descending:
            return field > self.bind(value)
        lower = field < self.bind(value)
        return lower | field.isnull() if self._nullable(sort.field) else lower

    def _nullable(self, name: str) -> bool:
        return self._collection.by_name[name].nullable


def after_prefix(prefix: str) -> str | None:
    """The lowest text behind all that begin with ``prefix``; None where there is none."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)  # the surrogates are no characters


def _joined(parts: Sequence[Criterion], word: Comparison, empty: Criterion) -> Criterion:
    """A balanced tree: rendering a long chain would go as deep as it is long."""
    if len(parts) < 2:
        return parts[0] if parts else empty
    middle = len(parts) // 2
    joined: Criterion = word(_joined(parts[:middle], word, empty), _joined(parts[middle:], word, empty))
    return joined

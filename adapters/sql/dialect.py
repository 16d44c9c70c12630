"""What differs between the SQL engines, as a value."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from pypika.terms import Parameter

from domain.model.query import Operand, SortValue
from domain.model.records import Value


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One engine's words. Text compares by code point and null sorts lowest, as each engine's schema arranges."""

    quote: str  # around identifiers
    placeholder: Callable[[int], Parameter]  # of the n-th parameter of a statement, from 1
    position: str  # function (text, part) -> where the part begins, from 1; 0 where it is not
    least: str  # function (a, b) -> the smaller one
    encode: Callable[[Operand | SortValue], Value]  # a checked value as the driver takes it

"""What differs between the SQL engines, as a value."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from pypika.terms import Parameter


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One engine's words. Text compares by code point, as each engine's schema arranges."""

    quote: str  # around identifiers
    placeholder: Callable[[int], Parameter]  # of the n-th parameter of a statement, from 1
    position: str  # function (text, part) -> where the part begins, from 1; 0 where it is not
    least: str  # function (a, b) -> the smaller one
    nulls_are_greatest: bool = False  # then the order by a nullable field says where they go: null sorts lowest
    seeks_rows: bool = True  # whether (a, b) > (x, y) leads to its place in an index, not only a > x OR a = x AND b > y
    takes_arrays: bool = False  # whether one parameter may hold many values

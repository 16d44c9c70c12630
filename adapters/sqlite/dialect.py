"""SQLite's words."""

from __future__ import annotations

from datetime import datetime

from pypika.terms import QmarkParameter

from adapters.sql.dialect import Dialect
from adapters.sqlite.rows import to_microseconds
from domain.model.query import Operand, SortValue
from domain.model.records import Value


def _encode(value: Operand | SortValue) -> Value:
    return to_microseconds(value) if isinstance(value, datetime) else value


SQLITE = Dialect(
    quote="`",  # SQLite takes "a column that is not there" for a text
    placeholder=lambda _: QmarkParameter(),
    position="INSTR",
    least="MIN",
    encode=_encode,
)

"""SQLite's words."""

from __future__ import annotations

from pypika.terms import QmarkParameter

from adapters.sql.dialect import Dialect

SQLITE = Dialect(
    quote="`",  # SQLite takes "a column that is not there" for a text
    placeholder=lambda _: QmarkParameter(),
    position="INSTR",
    least="MIN",
)

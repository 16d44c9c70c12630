"""The words of MySQL and MariaDB."""

from __future__ import annotations

from pypika.terms import FormatParameter

from adapters.sql.dialect import Dialect

MYSQL = Dialect(
    quote="`",
    placeholder=lambda _: FormatParameter(),
    position="INSTR",
    least="LEAST",
    seeks_rows=False,  # a row comparison is looked up by its first column at most
)

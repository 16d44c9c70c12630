"""Many rows in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from operator import length_hint

from adapters.sql.rows import Row
from adapters.sqlite.errors import translated
from domain.errors import RecordRefused


def store_rows(connection: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> None:
    """Run a statement for each row. Raises RecordRefused with the row's place: the driver takes one after the other."""
    waiting = iter(rows)
    try:
        with translated():
            connection.executemany(statement, waiting)
    except RecordRefused as refusal:
        place = len(rows) - length_hint(waiting) - 1
        raise RecordRefused(refusal.detail, index=place, taken=refusal.taken) from refusal.__cause__

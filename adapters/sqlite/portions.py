"""How much of a long result is held in memory at a time."""

from __future__ import annotations

import sqlite3

from adapters.sql.queries import Prepared
from adapters.sqlite.rows import Row

PORTION_RECORDS = 1000
PORTION_CHARACTERS = 8 * 1024 * 1024  # of text: a portion ends with the record that passes it


def portion(
    connection: sqlite3.Connection,
    statement: Prepared,
    *,
    records: int = PORTION_RECORDS,
    characters: int = PORTION_CHARACTERS,
) -> tuple[list[Row], bool]:
    """The first rows of a result, as many as a portion holds, and whether there are more."""
    taken: list[Row] = []
    held = 0
    for row in connection.execute(*statement):
        if len(taken) == records or held > characters:
            return taken, True
        taken.append(row)
        held += sum(len(value) for value in row if type(value) is str)
    return taken, False

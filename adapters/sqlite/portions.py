"""Long results, a portion at a time."""

from __future__ import annotations

import sqlite3

from adapters.sql.pages import Portion
from adapters.sql.queries import Prepared


def filled(connection: sqlite3.Connection, statement: Prepared, portion: Portion) -> Portion:
    """The portion with the first rows of a result, as many as it takes."""
    for row in connection.execute(*statement):
        if not portion.take(row):
            break
    return portion

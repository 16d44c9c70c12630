"""Forward-only migrations of a database file, all pending ones in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from adapters.sql.ledger import Note, check_order
from adapters.sqlite.connections import transaction
from sql import Migration

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number     INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    checksum   TEXT    NOT NULL,
    applied_at TEXT    NOT NULL
)
"""
_APPLIED = "SELECT name, checksum FROM schema_migrations ORDER BY number"
_NOTE = "INSERT INTO schema_migrations VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"


def noted(connection: sqlite3.Connection) -> list[Note]:
    """The migrations that a database has; none where there is no ledger."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'").fetchone() is None:
        return []
    return [Note(*row) for row in connection.execute(_APPLIED)]


def migrate(connection: sqlite3.Connection, steps: Sequence[Migration]) -> int:
    """Apply what is missing, under the write lock; the number of steps applied.

    Raises StartFailure when the database was migrated by a newer release, or by files that were changed since.
    """
    with transaction(connection):
        connection.execute(_LEDGER)
        applied = noted(connection)
        check_order(steps, applied)
        missing = steps[len(applied) :]
        for step in missing:
            connection.execute(step.statement)
            connection.execute(_NOTE, (step.number, step.name, step.checksum))
    return len(missing)

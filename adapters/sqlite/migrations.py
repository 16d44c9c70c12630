"""Forward-only migrations of a database file, all pending ones in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from adapters.sqlite.connections import transaction
from domain.errors import StartFailure
from sql import Migration

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number     INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    checksum   TEXT    NOT NULL,
    applied_at TEXT    NOT NULL
)
"""
_NOTE = "INSERT INTO schema_migrations VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"


def migrate(connection: sqlite3.Connection, steps: Sequence[Migration]) -> int:
    """Apply what is missing, under the write lock; the number of steps applied.

    Raises StartFailure when the database was migrated by a newer release, or by files that were changed since.
    """
    with transaction(connection):
        connection.execute(_LEDGER)
        applied = connection.execute("SELECT name, checksum FROM schema_migrations ORDER BY number").fetchall()
        _verify(steps, applied)
        missing = steps[len(applied) :]
        for step in missing:
            connection.execute(step.statement)
            connection.execute(_NOTE, (step.number, step.name, step.checksum))
    return len(missing)


def _verify(steps: Sequence[Migration], applied: Sequence[tuple[str, str]]) -> None:
    if len(applied) > len(steps):
        newest = applied[-1][0]
        raise StartFailure(f"The database is newer than this release: it has {newest}. Start the newer release.")
    for step, (name, checksum) in zip(steps, applied, strict=False):
        if (step.name, step.checksum) != (name, checksum):
            raise StartFailure(
                f"The database was migrated with another {name}: this release has {step.name}, {step.checksum[:12]}, "
                f"the database {checksum[:12]}. Restore the released file."
            )

"""What becomes of writes, seen from inside their transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from adapters.sql.statements import Statements
from adapters.sqlite.rows import Row, version_of
from domain.model.records import Verdict


def read_back(connection: sqlite3.Connection, of: Statements, rows: Sequence[Row]) -> tuple[Verdict, ...]:
    """After the upsert: each row either is the stored state, or was older than it."""
    read = connection.execute
    return tuple(
        Verdict.STORED if read(of.version, row[:1]).fetchone() == version_of(row) else Verdict.STALE for row in rows
    )


def judge(connection: sqlite3.Connection, of: Statements, row: Row, base_revision: int) -> Verdict:
    """Before the upsert: whether a row that builds on ``base_revision`` may be stored. Absent is revision 0."""
    stored = connection.execute(of.version, row[:1]).fetchone()
    if stored == version_of(row):
        return Verdict.STORED  # a replay: the upsert will change nothing
    if base_revision != (stored[1] if stored else 0):
        return Verdict.CONFLICT
    return Verdict.STORED if stored is None or stored < version_of(row) else Verdict.STALE

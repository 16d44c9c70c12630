"""What becomes of writes, seen from inside their transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from adapters.sql.rows import Row, version_of
from adapters.sql.statements import Statements
from adapters.sql.verdicts import judged
from domain.model.collections import Collection
from domain.model.records import Verdict


def read_back(connection: sqlite3.Connection, of: Statements, rows: Sequence[Row]) -> tuple[Verdict, ...]:
    """After the upsert: each row either is the stored state, or was older than it."""
    read = connection.execute
    return tuple(
        Verdict.STORED if read(of.version, row[:1]).fetchone() == version_of(row) else Verdict.STALE for row in rows
    )


def buried(connection: sqlite3.Connection, collection: Collection, rows: Sequence[Row]) -> tuple[str, ...]:
    """After the upsert: the keys whose stored tombstone is newer than the row.

    A partial index answers whether there is a tombstone at all, so that batches cost nothing where there is none.
    """
    table, key = f"`{collection.name}`", f"`{collection.key}`"  # declared names, never a caller's text
    probe = f"SELECT 1 FROM {table} WHERE deleted_at IS NOT NULL LIMIT 1"  # noqa: S608
    if connection.execute(probe).fetchone() is None:
        return ()
    sent = {row[0]: version_of(row) for row in rows}
    by_key = (  # CROSS JOIN keeps the order: one look-up a key, however many tombstones there are
        f"SELECT {key}, updated_at, revision FROM json_each(?) CROSS JOIN {table} ON {key} = value"  # noqa: S608
        " WHERE deleted_at IS NOT NULL"
    )
    tombstones = connection.execute(by_key, (json.dumps(list(sent)),))
    return tuple(key for key, *version in tombstones if tuple(version) > sent[key])


def judge(connection: sqlite3.Connection, of: Statements, row: Row, base_revision: int) -> Verdict:
    """Before the upsert: whether a row that builds on ``base_revision`` may be stored."""
    return judged(connection.execute(of.version, row[:1]).fetchone(), version_of(row), base_revision)

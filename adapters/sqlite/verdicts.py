"""What becomes of writes, seen from inside their transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from adapters.sql import conditional
from adapters.sql.rows import Row, to_rows, version_of
from adapters.sql.statements import Statements
from adapters.sql.verdicts import judged
from adapters.sqlite.dialect import SQLITE
from domain.model.collections import Collection
from domain.model.records import ConditionalWrite, Verdict


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


def judge(
    connection: sqlite3.Connection, collection: Collection, of: Statements, writes: Sequence[ConditionalWrite]
) -> tuple[list[Verdict], list[int]]:
    """Before the upsert: what becomes of writes, and the places of those that are to be stored now."""
    revisions = [write.record.revision for write in writes]
    before = {row[0] for row in connection.execute(*conditional.stored(collection, SQLITE, revisions))}
    verdicts = [Verdict.STORED] * len(writes)
    fresh = [place for place, revision in enumerate(revisions) if revision not in before]
    for place in fresh:
        write = writes[place]
        (row,) = to_rows([write.record])
        verdicts[place] = judged(
            connection.execute(of.version, row[:1]).fetchone(), version_of(row), write.base_revision
        )
    return verdicts, [place for place in fresh if verdicts[place] is Verdict.STORED]


def note(connection: sqlite3.Connection, collection: Collection, revisions: Sequence[int]) -> None:
    """After the upsert: these conditional writes are stored; what is too old to come again is forgotten."""
    if revisions:
        connection.execute(*conditional.note(collection, SQLITE, revisions))
        connection.execute(*conditional.forget(collection, SQLITE, max(revisions)))

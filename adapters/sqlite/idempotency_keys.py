"""Idempotency keys in ``state.db``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from adapters.sql.rows import to_datetime, to_microseconds
from adapters.sqlite.connections import transaction
from adapters.sqlite.database import Database
from domain.model.idempotency import IdempotencyKey, KeyedFrame, KeyedPart

_ADD = """
INSERT INTO idempotency_keys
    (caller, operation, key, part, digest, lane, epoch, first, last, first_revision, accepted_at, keys)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (caller, operation, key, part) DO UPDATE SET
    digest = excluded.digest, lane = excluded.lane, epoch = excluded.epoch, first = excluded.first,
    last = excluded.last, first_revision = excluded.first_revision, accepted_at = excluded.accepted_at,
    keys = excluded.keys
WHERE excluded.accepted_at > accepted_at
"""
_FIND = """
SELECT part, digest, lane, epoch, first, last, first_revision, accepted_at, keys FROM idempotency_keys
WHERE caller = ? AND operation = ? AND key = ? ORDER BY part
"""
_PURGE = """
DELETE FROM idempotency_keys WHERE rowid IN (
    SELECT rowid FROM idempotency_keys WHERE accepted_at < ? ORDER BY accepted_at LIMIT ?
)
"""


class SqliteIdempotencyKeys:
    """One row a part of a request."""

    def __init__(self, state: Database) -> None:
        self._state = state

    async def add(self, frames: Sequence[KeyedFrame]) -> None:
        """As the port says."""
        rows = [_row(frame) for frame in frames]

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany(_ADD, rows)

        await self._state.run(work)

    async def find(self, key: IdempotencyKey) -> Sequence[KeyedFrame]:
        """As the port says."""
        named = (key.caller, key.operation, key.text)
        rows = await self._state.run(lambda connection: connection.execute(_FIND, named).fetchall())
        return tuple(_frame(key, row) for row in rows)

    async def purge(self, before: datetime, limit: int) -> int:
        """As the port says."""
        oldest = (to_microseconds(before), limit)
        return await self._state.run(lambda connection: connection.execute(_PURGE, oldest).rowcount)


def _row(frame: KeyedFrame) -> tuple[object, ...]:
    part = frame.part
    return (
        *(part.key.caller, part.key.operation, part.key.text, part.number, part.digest),
        *(frame.lane, frame.epoch, frame.first, frame.last, frame.first_revision),
        *(to_microseconds(frame.accepted_at), msgspec.json.encode(part.keys).decode()),
    )


def _frame(key: IdempotencyKey, row: tuple[Any, ...]) -> KeyedFrame:  # Any: what the schema promises
    number, digest, lane, epoch, first, last, first_revision, accepted_at, keys = row
    return KeyedFrame(
        part=KeyedPart(key=key, number=number, digest=digest, keys=msgspec.json.decode(keys, type=tuple[str, ...])),
        lane=lane,
        epoch=epoch,
        first=first,
        last=last,
        first_revision=first_revision,
        accepted_at=to_datetime(accepted_at),
    )

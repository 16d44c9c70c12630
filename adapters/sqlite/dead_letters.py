"""Dead letters in ``state.db``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.sqlite.connections import transaction
from adapters.sqlite.database import Database
from domain.model.receipts import DeadLetter

_ADD = """
INSERT OR IGNORE INTO dead_letters (lane, sequence, key, record, revision, accepted_at, failed_at, code, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_NEWEST = """
SELECT lane, sequence, key, record, revision, accepted_at, failed_at, code, detail FROM dead_letters AS letter
WHERE revision = (SELECT max(revision) FROM dead_letters WHERE lane = letter.lane AND sequence = letter.sequence)
"""
_GET = f"{_NEWEST} AND lane = ? AND sequence = ?"
_FIND = f"{_NEWEST} AND (lane, sequence) > (?, ?) ORDER BY lane, sequence LIMIT ?"
_FIND_IN_LANE = f"{_NEWEST} AND lane = ? AND (lane, sequence) > (?, ?) ORDER BY sequence LIMIT ?"
_REMOVE = """
DELETE FROM dead_letters WHERE lane = ?1 AND sequence = ?2
    AND revision = (SELECT max(revision) FROM dead_letters WHERE lane = ?1 AND sequence = ?2)
"""
_COUNT = "SELECT count(*) FROM dead_letters WHERE lane = ?1 OR ?1 IS NULL"


class SqliteDeadLetters:
    """A letter is the same where its revision is the same too.

    Sequences begin again when a journal was thrown away; the older letter of the same place then waits unseen behind
    the newer one, and shows when that is removed. None is ever overwritten.
    """

    def __init__(self, state: Database) -> None:
        self._state = state

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """As the port says."""
        rows = [msgspec.structs.astuple(letter) for letter in letters]

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany(_ADD, rows)

        await self._state.run(work)

    async def find(self, lane: str | None, *, after: tuple[str, int] | None, limit: int) -> Sequence[DeadLetter]:
        """As the port says."""
        behind = after or ("", 0)
        text, parameters = (_FIND, behind) if lane is None else (_FIND_IN_LANE, (lane, *behind))
        rows = await self._state.run(lambda connection: connection.execute(text, (*parameters, limit)).fetchall())
        return tuple(map(_letter, rows))

    async def get(self, lane: str, sequence: int) -> DeadLetter | None:
        """As the port says."""
        row = await self._state.run(lambda connection: connection.execute(_GET, (lane, sequence)).fetchone())
        return None if row is None else _letter(row)

    async def remove(self, lane: str, sequence: int) -> bool:
        """As the port says."""
        return await self._state.run(lambda connection: connection.execute(_REMOVE, (lane, sequence)).rowcount) > 0

    async def count(self, lane: str | None = None) -> int:
        """As the port says."""
        (number,) = await self._state.run(lambda connection: connection.execute(_COUNT, (lane,)).fetchone())
        return int(number)


def _letter(row: tuple[Any, ...]) -> DeadLetter:  # Any: what the driver gives is what the schema promises
    return DeadLetter(**dict(zip(DeadLetter.__struct_fields__, row, strict=True)))

"""Dead letters in ``state.db``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.sqlite.connections import transaction
from adapters.sqlite.database import Database
from domain.errors import DeadLettersFull
from domain.model.dead_letters import (
    EVERY_LETTER,
    PAGE_BYTES,
    DeadLetter,
    LetterBounds,
    LetterCause,
    LetterFilter,
    LetterId,
    LetterLevel,
)
from domain.model.frames import FrameKind

_COLUMNS = ", ".join(DeadLetter.__struct_fields__)
_SLOTS = ", ".join("?" * len(DeadLetter.__struct_fields__))
_ADD = f"INSERT OR IGNORE INTO dead_letters ({_COLUMNS}, weight) VALUES ({_SLOTS}, ?)"  # noqa: S608  # declared names
_ID = "lane = ? AND sequence = ? AND revision = ?"
_GET = f"SELECT {_COLUMNS} FROM dead_letters WHERE {_ID}"  # noqa: S608
_REMOVE = f"DELETE FROM dead_letters WHERE {_ID}"  # noqa: S608
_ORDER = "ORDER BY lane, sequence, revision LIMIT ?"
_LEVEL = "SELECT count(*), coalesce(sum(weight), 0) FROM dead_letters"
_CAUSES = "SELECT lane, code, count(*), sum(weight) FROM dead_letters GROUP BY lane, code ORDER BY lane, code"
_CONDITIONS = {"lane": "lane = ?", "code": "code = ?", "key": "key = ?", "before": "failed_at < ?"}


class SqliteDeadLetters:
    """The service and its worker share the file: the bound is judged in the transaction that adds."""

    def __init__(self, state: Database, bounds: LetterBounds | None = None) -> None:
        self.bounds = bounds or LetterBounds()
        self._state = state

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """As the port says."""
        rows = [(*msgspec.structs.astuple(letter), letter.weight) for letter in letters]

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                records, weight = connection.execute(_LEVEL).fetchone()
                level = LetterLevel(records=records, weight=weight, bounds=self.bounds)
                if connection.executemany(_ADD, rows).rowcount > 0 and level.is_full:
                    raise DeadLettersFull(f"The dead letters are full: {level}.")

        await self._state.run(work)

    async def find(
        self,
        where: LetterFilter = EVERY_LETTER,
        *,
        after: LetterId | None = None,
        limit: int,
        max_bytes: int = PAGE_BYTES,
    ) -> Sequence[DeadLetter]:
        """As the port says."""
        condition, parameters = _where(where, after)
        text = f"SELECT {_COLUMNS} FROM dead_letters WHERE {condition} {_ORDER}"  # noqa: S608  # fixed conditions

        def work(connection: sqlite3.Connection) -> tuple[DeadLetter, ...]:
            found: list[DeadLetter] = []
            left = max_bytes
            for letter in map(_letter, connection.execute(text, (*parameters, limit))):
                left -= letter.weight
                if found and left < 0:
                    break
                found.append(letter)
            return tuple(found)

        return await self._state.run(work)

    async def get(self, letter_id: LetterId) -> DeadLetter | None:
        """As the port says."""
        place = msgspec.structs.astuple(letter_id)
        row = await self._state.run(lambda connection: connection.execute(_GET, place).fetchone())
        return None if row is None else _letter(row)

    async def remove(self, ids: Sequence[LetterId]) -> int:
        """As the port says."""
        places = [msgspec.structs.astuple(each) for each in ids]

        def work(connection: sqlite3.Connection) -> int:
            with transaction(connection):
                return sum(connection.execute(_REMOVE, place).rowcount for place in places)

        return await self._state.run(work)

    async def purge(self, where: LetterFilter, *, limit: int) -> int:
        """As the port says."""
        condition, parameters = _where(where, None)
        chosen = f"SELECT lane, sequence, revision FROM dead_letters WHERE {condition} {_ORDER}"  # noqa: S608
        text = f"DELETE FROM dead_letters WHERE (lane, sequence, revision) IN ({chosen})"  # noqa: S608
        return await self._state.run(lambda connection: connection.execute(text, (*parameters, limit)).rowcount)

    async def causes(self) -> Sequence[LetterCause]:
        """As the port says."""
        rows = await self._state.run(lambda connection: connection.execute(_CAUSES).fetchall())
        return tuple(LetterCause(*row) for row in rows)


def _where(where: LetterFilter, after: LetterId | None) -> tuple[str, tuple[object, ...]]:
    given = {name: value for name in _CONDITIONS if (value := getattr(where, name)) is not None}
    parts = [_CONDITIONS[name] for name in given]
    if after is not None:
        parts.append("(lane, sequence, revision) > (?, ?, ?)")
    behind = () if after is None else msgspec.structs.astuple(after)
    return " AND ".join(parts) or "1", (*given.values(), *behind)


def _letter(row: tuple[Any, ...]) -> DeadLetter:  # Any: what the driver gives is what the schema promises
    values = dict(zip(DeadLetter.__struct_fields__, row, strict=True))
    return DeadLetter(**values | {"kind": FrameKind(values["kind"])})

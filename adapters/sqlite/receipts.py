"""Receipt epochs and exceptions in ``state.db``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from adapters.sqlite.connections import transaction
from adapters.sqlite.database import Database
from domain.model.receipts import Epoch, WriteException
from domain.model.records import Verdict

_OPEN = "SELECT coalesce(max(number), 0) + 1 FROM epochs WHERE lane = ?"
_FORGET = "DELETE FROM write_exceptions WHERE lane = ? AND sequence >= ?"
_EPOCHS = "SELECT number, first_sequence FROM epochs WHERE lane = ? AND number >= ? ORDER BY number LIMIT 2"
_ADD = "INSERT OR IGNORE INTO write_exceptions (lane, sequence, key, verdict, code, detail) VALUES (?, ?, ?, ?, ?, ?)"
_EXCEPTIONS = """
SELECT sequence, key, verdict, code, detail FROM write_exceptions
WHERE lane = ? AND sequence BETWEEN ? AND ? ORDER BY sequence
"""


class SqliteReceipts:
    """Exceptions of records that a new epoch numbers anew are forgotten: they were of records that are lost."""

    def __init__(self, state: Database) -> None:
        self._state = state

    async def open_epoch(self, lane: str, first_sequence: int) -> Epoch:
        """As the port says."""

        def work(connection: sqlite3.Connection) -> Epoch:
            with transaction(connection):
                (number,) = connection.execute(_OPEN, (lane,)).fetchone()
                connection.execute("INSERT INTO epochs VALUES (?, ?, ?)", (lane, number, first_sequence))
                connection.execute(_FORGET, (lane, first_sequence))
            return Epoch(number, first_sequence)

        return await self._state.run(work)

    async def epochs(self, lane: str, number: int) -> tuple[Epoch | None, Epoch | None]:
        """As the port says."""
        rows = await self._state.run(lambda connection: connection.execute(_EPOCHS, (lane, number)).fetchall())
        found = {n: Epoch(n, first) for n, first in rows}
        return found.get(number), found.get(number + 1)

    async def add(self, exceptions: Sequence[WriteException]) -> None:
        """As the port says."""
        rows = [(e.lane, e.sequence, e.key, e.verdict.value, e.code, e.detail) for e in exceptions]

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany(_ADD, rows)

        await self._state.run(work)

    async def exceptions(self, lane: str, first: int, last: int) -> Sequence[WriteException]:
        """As the port says."""
        rows = await self._state.run(lambda connection: connection.execute(_EXCEPTIONS, (lane, first, last)).fetchall())
        return tuple(
            WriteException(lane=lane, sequence=sequence, key=key, verdict=Verdict(verdict), code=code, detail=detail)
            for sequence, key, verdict, code, detail in rows
        )

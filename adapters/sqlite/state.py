"""``state.db``: what outlives the journal's segments, in one small file beside it."""

from __future__ import annotations

from pathlib import Path

from adapters.sqlite.database import Database
from adapters.sqlite.dead_letters import SqliteDeadLetters
from adapters.sqlite.idempotency_keys import SqliteIdempotencyKeys
from adapters.sqlite.receipts import SqliteReceipts
from adapters.sqlite.revision_ceiling import SqliteRevisionCeiling
from domain.model.dead_letters import LetterBounds
from sql import migrations


class StateStore:
    """The file of a data folder, and the ports that are kept in it."""

    def __init__(self, path: Path, bounds: LetterBounds | None = None) -> None:
        """``bounds``: of the dead letters."""
        self._database = Database(path, migrations("state"))
        self.dead_letters = SqliteDeadLetters(self._database, bounds)
        self.idempotency_keys = SqliteIdempotencyKeys(self._database)
        self.receipts = SqliteReceipts(self._database)
        self.revision_ceiling = SqliteRevisionCeiling(self._database)

    async def open(self) -> None:
        """Create or open the file. Raises StartFailure."""
        await self._database.open()

    async def close(self) -> None:
        """Finish what runs, then release the file."""
        await self._database.close()

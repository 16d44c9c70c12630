"""A database file with its schema: one writing connection on one thread."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from adapters.sql.ledger import Note, check_order
from adapters.sqlite.connections import Answer, Connections, ConnectionSettings, Work
from adapters.sqlite.migrations import migrate, noted
from domain.errors import (
    BackendCorrupt,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    DataFolderUnusable,
    StartFailure,
)
from domain.model.schema_steps import SchemaStep
from sql import Migration

_CHECKPOINT_PAGES = 8000  # of 4 KiB: how much log SQLite gathers before it copies it into the database
_LOG_LIMIT = 64 * 1024 * 1024  # bytes of log, beyond which the writer waits for readers so that it can start anew
_OLDEST = (3, 35)  # the first SQLite with all that our statements say


class Database:
    """The file, migrated at ``open``. Everything that writes runs one after the other."""

    def __init__(
        self, path: Path, steps: Sequence[Migration], *, busy_seconds: float = 5.0, cache_kib: int = 4096
    ) -> None:
        self.path = path
        self._steps = steps
        self._writer = Connections(path, settings=ConnectionSettings(busy_seconds=busy_seconds, cache_kib=cache_kib))
        self._log = Path(f"{path}-wal")
        self._log_limit = _LOG_LIMIT
        self._file: tuple[int, int] | None = None

    async def open(self) -> None:
        """Create or open the file and bring its schema up to date. Raises StartFailure."""
        if sqlite3.sqlite_version_info < _OLDEST:
            raise StartFailure(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed.")
        try:
            await self._writer.open()
            await self._writer.run(self._prepare)
        except BackendError as error:
            await self.close()
            if not self.path.parent.is_dir():
                there_is_none = f"The database {self.path} cannot be opened: there is no folder {self.path.parent}."
                raise StartFailure(f"{there_is_none} Correct the path, or make the folder.") from error
            kind = DataFolderUnusable if isinstance(error, BackendUnavailable | BackendExhausted) else StartFailure
            cure = " Restore it from a backup." if isinstance(error, BackendCorrupt) else ""
            raise kind(f"The database {self.path} cannot be opened. {error.detail}{cure}") from error
        except BaseException:
            await self.close()
            raise

    def make_folder(self) -> None:
        """Make the folder that the file is to be in. Raises DataFolderUnusable."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataFolderUnusable(f"{self.path.parent} cannot be made: {error.strerror or error}.") from error

    async def steps(self) -> Sequence[SchemaStep]:
        """The forward steps, in order, and which of them the file has; it need not be there, nor be open."""
        notes: list[Note] = []
        if self.path.exists():
            try:
                await self._writer.open()
                notes = await self._writer.run(noted)
            finally:
                await self._writer.close()
        check_order(self._steps, notes)
        return [SchemaStep(name=step.name, applied=place < len(notes)) for place, step in enumerate(self._steps)]

    async def close(self) -> None:
        """Finish what runs, then release the file."""
        await self._writer.close()

    async def run(self, work: Work[Answer]) -> Answer:
        """The answer of ``work``, which has the writing connection for itself. Raises BackendError."""
        return await self._writer.run(lambda connection: self._guarded(connection, work))

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT}")
        migrate(connection, self._steps)
        self._file = self._identity()

    def _guarded(self, connection: sqlite3.Connection, work: Work[Answer]) -> Answer:
        if self._identity() != self._file:  # SQLite would go on writing into a file that no one will ever find
            raise BackendUnavailable(f"The database {self.path} was moved, replaced or removed; restart the service.")
        answer = work(connection)
        self._bound_log(connection)
        return answer

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116  # half the price of Path.stat, on every write
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _bound_log(self, connection: sqlite3.Connection) -> None:
        """Overlapping readers keep the log from ever being reused; now and then the writer waits for them."""
        try:
            size = os.stat(self._log).st_size  # noqa: PTH116
        except FileNotFoundError:
            return
        if size > self._log_limit:
            blocked, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._log_limit = size + _LOG_LIMIT if blocked else _LOG_LIMIT

"""Connections to one database file, each serving one call at a time on threads of their own."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from adapters.sqlite.errors import translated
from domain.errors import BackendContended, BackendUnavailable

Answer = TypeVar("Answer")
Work = Callable[[sqlite3.Connection], Answer]

_BUSY_PAUSE = 0.005  # seconds
_CHECK_EVERY = 10_000  # virtual machine instructions between two looks at the clock: about a millisecond


class ConnectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How connections behave."""

    busy_seconds: float = 5.0  # how long to wait for a lock that another process holds
    deadline_seconds: float | None = None  # for one call, its waiting included; None: it runs to its end
    cache_kib: int = 4096  # page cache of each connection
    read_only: bool = False


class Connections:
    """``size`` connections and as many threads; a call takes whichever is free."""

    def __init__(self, path: Path, *, size: int = 1, settings: ConnectionSettings) -> None:
        self._path = path
        self._size = size
        self._settings = settings
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._executor: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Connect. Raises BackendError."""
        if self._executor is not None:
            return
        self._executor = ThreadPoolExecutor(self._size, thread_name_prefix=f"sqlite-{self._path.stem}")
        try:
            for _ in range(self._size):
                self._idle.put(await asyncio.to_thread(self._connect))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish the calls that run, then release every connection."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        await asyncio.to_thread(executor.shutdown)
        while not self._idle.empty():
            await asyncio.to_thread(self._idle.get().close)

    async def run(self, work: Work[Answer]) -> Answer:
        """The answer of ``work``, which has a connection for itself. A cancelled call stops at its next look.

        Raises QueryTimeout, BackendContended (no connection was free in time), and what ``translated`` raises.
        """
        if self._executor is None:
            raise BackendUnavailable(f"{self._path.name} is not open.")
        call = _Call(self._settings.deadline_seconds)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._serve, call, work)
        except asyncio.CancelledError:
            call.cancelled = True
            raise

    def _serve(self, call: _Call, work: Work[Answer]) -> Answer:
        if call.is_over():
            raise BackendContended(f"Every connection to {self._path.name} was busy for too long.")
        connection = self._idle.get()
        try:
            with translated():
                if self._settings.deadline_seconds is not None:
                    connection.set_progress_handler(call.is_over, _CHECK_EVERY)
                return work(connection)
        finally:
            self._idle.put(connection)

    def _connect(self) -> sqlite3.Connection:
        settings = self._settings
        with translated():
            connection = sqlite3.connect(
                self._path, timeout=settings.busy_seconds, isolation_level=None, check_same_thread=False
            )
            try:
                self._use_write_ahead_log(connection)
                connection.execute("PRAGMA synchronous = FULL")  # the weaker level commits over a failed fsync
                connection.execute(f"PRAGMA cache_size = -{settings.cache_kib}")
                connection.execute(f"PRAGMA query_only = {int(settings.read_only)}")
            except BaseException:
                connection.close()
                raise
        return connection

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """SQLite does not wait for a lock when the mode of a new file changes, so we do."""
        deadline = time.monotonic() + self._settings.busy_seconds
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_BUSY_PAUSE)
                continue
            if mode != "wal":
                raise BackendUnavailable(f"The file system of {self._path} does not take SQLite's write-ahead log.")
            return


class _Call:
    """What the progress handler looks at."""

    def __init__(self, deadline_seconds: float | None) -> None:
        self.cancelled = False
        self._end = None if deadline_seconds is None else time.monotonic() + deadline_seconds

    def is_over(self) -> bool:
        """Whether the call should stop: nobody waits for it any more, or its time is up."""
        return self.cancelled or (self._end is not None and time.monotonic() > self._end)


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All or nothing; ``BEGIN`` alone gives reads one snapshot."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # on a full disk SQLite has rolled back by itself
            connection.execute("ROLLBACK")
        raise

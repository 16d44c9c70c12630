"""One session with asyncpg below: deadlines, explicit rollbacks, and the service's errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncpg

from adapters.postgres.errors import translated
from adapters.sql.connection import Isolation
from adapters.sql.rows import Row
from domain.errors import BackendUnavailable, QueryTimeout

Answer = TypeVar("Answer")

_ROWS_AT_ONCE = 50  # of a stream: some 60 MiB where every field is at its limit
_CANCEL_SECONDS = 1.0  # for the server to stop a statement that nobody waits for any more
_LONGEST_RESERVE = 0.5  # seconds


class PostgresConnection:
    """The verbs of ``SqlConnection``. The pool gives each block of work its time by ``begin``."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        self.opened_at = self.used_at = time.monotonic()
        self._driver = driver
        self._seconds: float | None = None  # that the server was told
        self._deadline = self._last_answer_by = 0.0

    async def begin(self, seconds: float, deadline: float) -> PostgresConnection:
        """As the pool asks.

        The last bit of the time is kept: a server that stops a slow statement when told to is alive, not unavailable.
        The server gets the limit too: it must not work on when the service is gone.
        """
        self._deadline = deadline
        self._last_answer_by = deadline - min(seconds / 10, _LONGEST_RESERVE)
        if seconds != self._seconds:
            self._seconds = None
            await self.execute(f"SET statement_timeout = {int(seconds * 1000)}")
            self._seconds = seconds
        return self

    async def execute(self, text: str, *parameters: Any) -> int:
        """As the seam says; a statement that took too long is no slow query here, but a server in trouble."""
        return _affected(await self._run(text, *parameters))

    async def fetch(self, text: str, *parameters: Any) -> Sequence[Row]:
        """As the seam says."""
        return [tuple(row) for row in await self._ask(self._driver.fetch, text, *parameters)]

    async def fetchrow(self, text: str, *parameters: Any) -> Row | None:
        """As the seam says."""
        row = await self._ask(self._driver.fetchrow, text, *parameters)
        return None if row is None else tuple(row)

    async def fetchval(self, text: str, *parameters: Any) -> Any:
        """As the seam says."""
        return await self._ask(self._driver.fetchval, text, *parameters)

    async def stream(self, text: str, *parameters: Any) -> AsyncIterator[Row]:
        """As the seam says."""
        cursor = await self._ask(self._driver.cursor, text, *parameters)
        while rows := await self._ask(cursor.fetch, _ROWS_AT_ONCE):
            for row in rows:
                yield tuple(row)

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation = "read_committed") -> AsyncIterator[None]:
        """As the seam says. After a cancellation the session is destroyed, so nothing is sent then."""
        if self._driver.is_in_transaction():
            yield
            return
        await self._run(f"BEGIN ISOLATION LEVEL {isolation.replace('_', ' ').upper()}")
        try:
            yield
        except Exception:
            await self._roll_back()
            raise
        if await self._run("COMMIT") != "COMMIT":  # it says ROLLBACK where a statement had failed
            raise BackendUnavailable("PostgreSQL rolled the transaction back instead of committing it.")

    async def process(self, seconds: float) -> int:
        """The server process that serves the session now."""
        await self.begin(seconds, asyncio.get_running_loop().time() + seconds)
        return int(await self.fetchval("SELECT pg_backend_pid()"))

    @property
    def usable(self) -> bool:
        """As the pool asks."""
        return not self._driver.is_closed() and not self._driver.is_in_transaction()

    async def end(self) -> None:
        """As the pool asks; what still runs is cancelled."""
        with suppress(Exception):  # the driver aborts what does not close
            await self._driver.close(timeout=_CANCEL_SECONDS)

    def leave(self) -> None:
        """As the pool asks."""
        self._driver.terminate()

    async def _run(self, text: str, *parameters: Any) -> str:
        try:
            return await self._ask(self._driver.execute, text, *parameters)
        except QueryTimeout as timeout:
            raise BackendUnavailable(timeout.detail) from timeout

    async def _ask(self, call: Callable[..., Awaitable[Answer]], *arguments: Any) -> Answer:
        seconds = self._last_answer_by - asyncio.get_running_loop().time()
        if seconds <= 0:
            raise BackendUnavailable("PostgreSQL: the time was over before a statement could begin.")
        with translated():
            try:
                return await call(*arguments, timeout=seconds)
            except TimeoutError as timeout:
                await self._stopped()
                raise QueryTimeout("PostgreSQL did not finish a statement in time.") from timeout

    async def _stopped(self) -> None:
        """Wait until the server has stopped the statement, as the driver has told it to.

        A server that does not answer here either is caught by the deadline of the whole block.
        """
        with suppress(asyncpg.InFailedSQLTransactionError):
            await self._driver.execute("SELECT 1")

    async def _roll_back(self) -> None:
        seconds = self._deadline - asyncio.get_running_loop().time()
        try:
            await self._driver.execute("ROLLBACK", timeout=max(seconds, 0.001))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            self._driver.terminate()  # the server rolls back when the session is gone


def _affected(tag: str) -> int:
    """``INSERT 0 5`` → 5; statements that touch no rows → 0."""
    number = tag.rpartition(" ")[2]
    return int(number) if number.isdecimal() else 0

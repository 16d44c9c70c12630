"""asyncpg's verbs over a session of MySQL or MariaDB."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from adapters.mysql.errors import translated
from adapters.mysql.literals import with_values
from adapters.mysql.product import Product
from adapters.mysql.session import Answer, Session
from adapters.sql.connection import Isolation
from adapters.sql.rows import Row
from domain.errors import BackendContended, BackendUnavailable, RecordRefused

_LAST_WORD = 0.1  # of the time that is left: the server ends a statement so much before we would give it up
_LEFT_BEHIND = 16  # rows that are read to the end rather than thrown away with the session


class MysqlConnection:
    """The verbs of ``SqlConnection`` on one session. The pool gives each block of work its time by ``begin``."""

    def __init__(self, session: Session) -> None:
        self.opened_at = self.used_at = time.monotonic()
        self._session = session
        self._end = 0.0  # when the block must be over, on the event loop's clock
        self._in_transaction = False
        self._has_written = False
        self._is_doomed = False  # something of the transaction failed

    async def begin(self, seconds: float, deadline: float) -> MysqlConnection:  # noqa: ARG002  # the pool's words
        """As the pool asks."""
        self._end = deadline
        return self

    @property
    def usable(self) -> bool:
        """As the pool asks."""
        return self._session.is_usable

    async def end(self) -> None:
        """As the pool asks: the server rolls back when it finds nobody there."""
        self._session.close()

    def leave(self) -> None:
        """As the pool asks."""
        self._session.leave()

    @property
    def product(self) -> Product:
        """Which server this is."""
        return self._session.product

    async def execute(self, text: str, *parameters: Any) -> int:
        """As the protocol says."""
        return (await self.send(self._encoded(text, parameters))).affected

    async def send(self, statement: bytes) -> Answer:
        """The whole answer to a finished statement that may change something."""
        self._has_written = True
        with self._dooming():
            return await self._session.run(statement)

    async def fetch(self, text: str, *parameters: Any) -> Sequence[Row]:
        """As the protocol says."""
        statement = self._encoded(self._limited(text), parameters)
        with self._dooming(reading=True):
            return (await self._session.run(statement)).rows

    async def fetchrow(self, text: str, *parameters: Any) -> Row | None:
        """As the protocol says."""
        rows = await self.fetch(text, *parameters)
        return rows[0] if rows else None

    async def fetchval(self, text: str, *parameters: Any) -> Any:
        """As the protocol says."""
        row = await self.fetchrow(text, *parameters)
        return row[0] if row else None

    async def stream(self, text: str, *parameters: Any) -> AsyncIterator[Row]:
        """As the protocol says. Who leaves early, with much left behind, leaves the session with it."""
        statement = self._encoded(self._limited(text), parameters)
        with self._dooming(reading=True):
            await self._session.begin_rows(statement)
        try:
            while (row := await self._next_row()) is not None:
                yield row
        finally:
            await self._leave_rows()

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation = "read_committed") -> AsyncIterator[None]:
        """As the protocol says. A statement that failed dooms it, even where the block goes on."""
        if self._in_transaction:
            yield
            return
        await self._begin(isolation)
        try:
            yield
        except Exception:
            await self._roll_back()
            raise
        except BaseException:
            self._session.close()  # nobody waits for an answer any more; the server rolls back by itself
            raise
        else:
            await self._commit()
        finally:
            self._in_transaction = False

    async def _begin(self, isolation: Isolation) -> None:
        if isolation == "repeatable_read":
            await self.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await self.execute("START TRANSACTION")
        self._in_transaction, self._has_written, self._is_doomed = True, False, False

    async def _commit(self) -> None:
        if self._is_doomed:
            await self._roll_back()
            raise BackendContended(f"{self.product}: a statement failed, so its transaction was rolled back.")
        if not self._session.closed or self._has_written:  # else rows were left behind: there is nothing to commit
            await self.execute("COMMIT")

    async def _roll_back(self) -> None:
        """Needed after any error: some undo the statement alone. Where it fails, so does the session."""
        if self._session.closed:
            return
        try:
            await self._session.run(b"ROLLBACK")
        except Exception:  # the error that led here is the one to tell
            self._session.close()

    async def _next_row(self) -> Row | None:
        with self._dooming(reading=True):
            return await self._session.next_row()

    async def _leave_rows(self) -> None:
        """Take the few rows that a reader left behind; where they are many, a new session costs less."""
        if self._session.closed:
            return
        for _ in range(_LEFT_BEHIND):
            if not self._session.has_rows:
                return
            await self._next_row()
        self._session.close()

    def _limited(self, text: str) -> str:
        """A SELECT that the server itself ends a little before its time is up."""
        if not text.startswith("SELECT"):
            return text
        left = self._end - asyncio.get_running_loop().time()
        seconds = max(left * (1 - _LAST_WORD), 0.001)
        if self.product.is_mariadb:
            return f"SET STATEMENT max_statement_time = {seconds:.3f} FOR {text}"
        return text.replace("SELECT", f"SELECT /*+ MAX_EXECUTION_TIME({seconds * 1000:.0f}) */", 1)

    def _encoded(self, text: str, parameters: Sequence[Any]) -> bytes:
        try:
            return with_values(text, parameters)
        except (TypeError, ValueError) as error:  # an object, a lone surrogate, a number of thousands of digits
            raise RecordRefused(f"{self.product.name} cannot hold the value: {error}.") from error

    @contextmanager
    def _dooming(self, *, reading: bool = False) -> Iterator[None]:
        if self._session.closed:
            raise BackendUnavailable(f"The session with {self.product.name} has ended.")
        try:
            with translated(self.product.name, reading=reading):
                yield
        except BaseException:
            self._is_doomed = True
            raise

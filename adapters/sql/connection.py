"""What the statements of a database server run on: asyncpg's verbs, whatever the driver below."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from adapters.sql.rows import Row

Isolation = Literal["read_committed", "repeatable_read"]


class SqlConnection(Protocol):
    """One session. Every verb raises BackendError or QueryTimeout, never the driver's own errors.

    ``parameters`` fill the placeholders of the dialect, in order. Rows are tuples; binary columns come as text.
    """

    async def execute(self, text: str, *parameters: Any) -> int:
        """Run a statement; the number of rows affected as the server counts them."""
        ...

    async def fetch(self, text: str, *parameters: Any) -> Sequence[Row]:
        """All rows."""
        ...

    async def fetchrow(self, text: str, *parameters: Any) -> Row | None:
        """The first row, or None."""
        ...

    async def fetchval(self, text: str, *parameters: Any) -> Any:
        """The first value of the first row, or None."""
        ...

    def stream(self, text: str, *parameters: Any) -> AsyncIterator[Row]:
        """Row by row with bounded memory, inside a transaction; close it (``aclosing``) to leave it early."""
        ...

    def transaction(self, *, isolation: Isolation = "read_committed") -> AbstractAsyncContextManager[None]:
        """All or nothing: COMMIT at the end, explicit ROLLBACK after any error. One inside another joins it."""
        ...


class SqlPool(Protocol):
    """Sessions to one server, prepared alike."""

    async def open(self) -> None:
        """Connect as many as are kept ready, and see that the server is one that the service supports.

        Raises BackendError when it cannot be reached, StartFailure when trying again would not help.
        """
        ...

    async def close(self) -> None:
        """Close every session; never raises for what is already gone."""
        ...

    def acquire(self, seconds: float) -> AbstractAsyncContextManager[SqlConnection]:
        """A session for a block of work that ends within ``seconds``, the waiting for it included.

        A session whose block was cancelled, ran out of time or lost its server is destroyed, not given back.
        Raises BackendUnavailable (no session, no server, no time), BackendContended (all sessions busy).
        """
        ...

"""What a database server brings to the shared backend, beside its sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from adapters.sql.connection import SqlConnection
from adapters.sql.dialect import Dialect
from adapters.sql.queries import Prepared
from adapters.sql.rows import Row
from domain.model.collections import Collection, FieldType


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """How the server's ``information_schema`` speaks of our tables."""

    schema: str  # SQL expression: the schema that the session's tables are in
    types: Mapping[FieldType, tuple[str, ...]]  # data types, in lower case, that hold a field without loss
    collations: tuple[str, ...]  # those that compare text by code point
    collated: tuple[str, ...] = ()  # data types that otherwise compare as the database was made to
    lacking: str | None = (
        None  # statement: the rights that the user lacks on the table of the parameter, a row for each
    )
    look: Callable[[SqlConnection, Collection], Awaitable[None]] | None = (
        None  # raises StartFailure where a table whose columns are right is not fit for all that
    )
    lock: str  # statement: wait for and take the lock of migrations
    unlock: str  # statement: release it


class Engine(Protocol):
    """One kind of server."""

    dialect: Dialect
    catalogue: Catalogue

    @property
    def name(self) -> str:
        """The server and its version, known once a session was opened: for sentences."""
        ...

    async def upsert(self, connection: SqlConnection, collection: Collection, rows: Sequence[Row]) -> bool:
        """Store rows by ``adapters.sql.statements.merged``; all or nothing, joining a transaction that is open.

        Rows have the columns of ``adapters.sql.statements.columns``, distinct keys, sorted; at most 1000.
        True when a row may have met a stored one, so that a newer tombstone may outrank it.
        Raises RecordRefused, with the index where it is known.
        """
        ...

    async def estimate(self, connection: SqlConnection, statement: Prepared) -> int:
        """How many rows the server believes that a SELECT finds."""
        ...

"""The universal five: what every storage backend can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.model.collections import Collection
from domain.model.query import Query, QueryResult
from domain.model.records import HealthStatus, Record, WriteResult


class StorageBackend(Protocol):
    """Versioned records of declared collections. Every method has a deadline and may raise a BackendError."""

    async def write(self, collection: Collection, records: Sequence[Record], *, verdicts: bool = False) -> WriteResult:
        """Apply records and tombstones in one transaction; all or nothing.

        Keys are distinct and sorted. The greater version wins, an equal one changes nothing and counts as stored,
        ``created_at`` becomes the earliest of both, whatever wins. Repeating a call changes nothing.
        At most 1000 records. The result names the keys that stay deleted although a record was written.
        Raises RecordRefused (with the index where known) when one record is the cause.
        """
        ...

    async def read(self, collection: Collection, key: str) -> Record | None:
        """The stored record, a tombstone too; None when there is neither."""
        ...

    async def query(self, collection: Collection, query: Query) -> QueryResult:
        """One page of visible records (never tombstones). Raises QueryTimeout."""
        ...

    async def delete(self, collection: Collection, key: str) -> None:
        """Remove the row itself (purge, expiry); an absent one is not an error. Users' deletes are tombstones."""
        ...

    async def health_check(self) -> HealthStatus:
        """Probe the backend; a sick one is an answer, not an exception."""
        ...

"""Where records are found by the words in their texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.model.collections import Collection
from domain.model.records import HealthStatus, Record
from domain.model.search import IndexPosition, SearchQuery, SearchResult


class SearchIndex(Protocol):
    """Copies of records, derived from the backend that keeps them: what is lost here can be filled in anew.

    Every method has a deadline and may raise a BackendError.
    """

    async def position(self, collection: Collection, origin: str) -> IndexPosition | None:
        """How far the index has followed a log; None where it was not filled to the end since it follows that one."""
        ...

    async def clear(self, collection: Collection) -> None:
        """Forget all records of a collection, and the position first."""
        ...

    async def index(
        self, collection: Collection, records: Sequence[Record], position: IndexPosition | None = None
    ) -> None:
        """Take records, tombstones too, as they are stored; the greater version of a key wins.

        Keys are distinct; at most 1000; a repeated call changes nothing. ``position``: reached with these records,
        and durable not before they are.
        Raises RecordRefused (with the index where known) when one record is the cause.
        """
        ...

    async def search(self, collection: Collection, query: SearchQuery) -> SearchResult:
        """One page of the visible records that have every word, the best first. Raises QueryTimeout."""
        ...

    async def health_check(self) -> HealthStatus:
        """Probe the index; a sick one is an answer, not an exception."""
        ...

"""What only some backends can do.

A backend declares an ability by having its method; a request for a missing one is 501.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from domain.model.collections import Collection
from domain.model.query import Filter
from domain.model.records import ConditionalWrite, Record, Verdict


@runtime_checkable
class ConditionalWrites(Protocol):
    """Writes that name the state they build on."""

    async def write_conditional(self, collection: Collection, writes: Sequence[ConditionalWrite]) -> Sequence[Verdict]:
        """In one transaction, store each record whose base revision is the current one.

        Verdicts: ``stored`` (also when the record's own version is already the stored one: a replay), else ``stale``
        when the stored version is not smaller than the record's and the base is current, else ``conflict``.
        A key that is not stored has base revision 0; a tombstone is a state like any other.
        Keys are distinct and sorted. ``created_at`` becomes the earliest of both when stored.
        """
        ...


@runtime_checkable
class Counting(Protocol):
    """Aggregation: numbers of records by the values of a field."""

    async def count_by(self, collection: Collection, field: str, where: Filter) -> Mapping[str, int]:
        """Visible records that match, by the text of ``field``; values without a record are absent, and so is null."""
        ...


@runtime_checkable
class Scanning(Protocol):
    """Streaming: a whole result with bounded memory."""

    def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """Visible records that match, in key order, in portions of at most 1000."""
        ...

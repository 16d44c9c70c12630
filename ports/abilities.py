"""What only some backends can do.

A backend declares an ability by having its method; a request for a missing one is 501.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from domain.model.collections import Collection
from domain.model.query import Filter
from domain.model.records import ConditionalWrite, Record, Verdict


@runtime_checkable
class ConditionalWrites(Protocol):
    """Writes that name the state they build on."""

    async def write_conditional(self, collection: Collection, writes: Sequence[ConditionalWrite]) -> Sequence[Verdict]:
        """In one transaction, store each record whose base revision is the current one.

        Verdicts: ``stored``, else ``stale`` when the stored version is not smaller than the record's and the base is
        current, else ``conflict``. A write that was stored and is repeated within two days (its reply was lost) is
        ``stored`` and changes nothing, whatever others have stored since; after that, only as long as its version is
        the stored one. Two writes of a collection never have one revision.
        A key that is not stored has base revision 0; a tombstone is a state like any other.
        Keys are distinct and sorted; at most 1000. ``created_at`` becomes the earliest of both when stored.
        Raises RecordRefused (with the index where known) when one record is the cause.
        """
        ...


@runtime_checkable
class UniqueFields(Protocol):
    """The unique field of a collection, where it declares one, under any number of writers at once.

    ``write`` and ``write_conditional`` raise RecordRefused with ``taken`` where another record, of an earlier write or
    of the same one, has the value; nothing of the call is stored then. Rows are judged one after the other, so that one
    may take the value that one before it gives up. Null, as in tombstones, is nobody's.
    """

    @property
    def unique_fields(self) -> bool:
        """Always true; having it is what counts."""
        ...


@runtime_checkable
class ParallelWrites(Protocol):
    """Several calls at once that write distinct keys gain more than one after another."""

    @property
    def parallel_writes(self) -> int:
        """How many of one collection; 1 or more."""
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


@runtime_checkable
class Expiring(Protocol):
    """Removing what is old for less than a look at each record costs."""

    async def expire(self, collection: Collection, before: datetime, limit: int) -> int:
        """Remove the rows themselves of visible records whose ``created_at`` is before a moment; how many went.

        At most ``limit`` at once, or whole parts of the collection where these hold nothing else; 0: none are left, or
        others remove them just now. Any number of callers at once do no harm.
        """
        ...


@runtime_checkable
class Dumping(Protocol):
    """Streaming of everything as it is stored, for copies of a collection."""

    def dump(
        self, collection: Collection, *, after: str | None = None, among: Sequence[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """All records behind the key ``after``, tombstones too, in key order, in portions of at most 1000.

        ``among``: of these keys alone, at most 1000.
        """
        ...


@runtime_checkable
class Rewriting(Protocol):
    """Another text for the same version, for values that are encrypted anew: no write of a client is behind it."""

    async def rewrite(self, collection: Collection, records: Sequence[Record]) -> int:
        """Put the values of the fields that may be encrypted, and of normal forms, in the place of the stored ones.

        Only where the stored record is visible and has the very version that is given; whatever was written meanwhile
        stays. All other fields, the times and the revision stay as they are stored. How many were rewritten.
        Keys are distinct and sorted; at most 1000, in one transaction. Raises RecordRefused with ``taken`` where
        another record has the value of the unique field; nothing is rewritten then.
        """
        ...

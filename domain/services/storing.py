"""Stores the records of a batch, and tells which of them could not be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from typing import TypeVar

from domain.errors import BackendError, OutrankedByDelete, RecordRefused, ValueTaken, VersionStale, WriteConflict
from domain.model.collections import Collection
from domain.model.frames import Frame
from domain.model.policies import MAX_STATEMENT_RECORDS
from domain.model.records import ConditionalWrite, Record, Verdict, WriteResult
from domain.model.revisions import run
from domain.services.batches import Unstored, collapse
from domain.services.isolating import Isolation, Refused
from domain.services.registry import StorageBackendRegistry
from ports.abilities import ConditionalWrites

T = TypeVar("T")
_FIXED = 200  # bytes of a record in a statement beside its texts


class BatchStore:
    """Writes batches of one collection to the backend that the registry routes it to."""

    def __init__(self, collection: Collection, registry: StorageBackendRegistry, refusal: Verdict) -> None:
        """``refusal``: the verdict of a record that the backend refuses."""
        self._collection = collection
        self._registry = registry
        self._refusal = refusal
        self._size = MAX_STATEMENT_RECORDS

    def ease(self) -> None:
        """Lock errors do not end: put half as many records into a statement until ``recover``."""
        self._size = max(1, self._size // 2)

    def recover(self) -> None:
        """Statements of full size again."""
        self._size = MAX_STATEMENT_RECORDS

    async def store(self, records: Sequence[Record], asked: Set[int] = frozenset()) -> list[Unstored]:
        """Store the greatest version of each key, a statement's worth at a time.

        ``asked``: revisions of the records for which somebody wants to know if they were outdone.

        Raises BackendError where trying again is what helps.
        """
        winners, superseded = collapse(records)
        unstored: list[Unstored] = []
        backend = self._registry.backend(self._collection)

        async def write(part: list[Record]) -> None:
            wanted = bool(asked) and any(record.revision in asked for record in part)
            result = await backend.write(self._collection, part, verdicts=wanted)
            unstored.extend(_outdone(part, result, asked))

        refused = await self._isolate(winners, write, _weight)
        unstored += [self._refused(record, error) for record, error in refused]
        # the next version of a refused one's key was only superseded by a record that never was
        keys = {record.key for record, _ in refused}
        unstored += _outranked(winners, [record for record in superseded if record.key not in keys], asked)
        again = [record for record in superseded if record.key in keys]
        return unstored + (await self.store(again, asked) if again else [])

    async def store_conditional(self, frames: Sequence[Frame], records: Sequence[Record]) -> list[Unstored]:
        """Store the records of conditional frames, of distinct keys, that still build on the current state.

        Raises BackendError where trying again is what helps, AbilityMissing.
        """
        backend = self._registry.ability(self._collection, ConditionalWrites)
        bases: dict[int, int] = {}
        for frame in frames:
            bases.update(zip(run(frame.first_revision, frame.count), frame.headers.base_revisions, strict=True))
        writes = [ConditionalWrite(record, bases[record.revision]) for record in records]
        unstored: list[Unstored] = []

        async def write(part: list[ConditionalWrite]) -> None:
            verdicts = await backend.write_conditional(self._collection, part)
            judged = zip(part, verdicts, strict=True)
            unstored.extend(_overtaken(w.record, verdict) for w, verdict in judged if verdict is not Verdict.STORED)

        ordered = sorted(writes, key=lambda write: write.record.key)
        refused = await self._isolate(ordered, write, lambda write: _weight(write.record))
        return unstored + [self._refused(write.record, error) for write, error in refused]

    async def _isolate(
        self, items: Sequence[T], write: Callable[[list[T]], Awaitable[None]], weigh: Callable[[T], int]
    ) -> list[Refused[T]]:
        """Store all but the items that the backend refuses, and return those."""
        isolation = Isolation(write, weigh, self._size)
        await isolation.store(items)
        return isolation.refused

    def _refused(self, record: Record, error: BackendError) -> Unstored:
        if isinstance(error, RecordRefused) and error.taken:
            return _taken(self._collection, record)
        return Unstored(revision=record.revision, verdict=self._refusal, code=error.code, detail=error.detail)


def _weight(record: Record) -> int:
    """About how many bytes a record takes in a statement."""
    return _FIXED + sum(len(value) for value in record.values if isinstance(value, str))


def _outranked(winners: Sequence[Record], superseded: Sequence[Record], asked: Set[int]) -> list[Unstored]:
    """The superseded records that came after the delete that outranks them, as if that were stored already; and those
    that somebody asks for.
    """
    if not superseded:
        return []
    deletes = {record.key: record.revision for record in winners if record.deleted_at is not None}
    return [
        _buried(record) if record.revision > deletes.get(record.key, record.revision) else _superseded(record)
        for record in superseded
        if record.revision > deletes.get(record.key, record.revision) or record.revision in asked
    ]


def _outdone(records: Sequence[Record], result: WriteResult, asked: Set[int]) -> list[Unstored]:
    """What a statement did not store. Raises RuntimeError where the backend has not accounted for every record."""
    verdicts = result.verdicts or [Verdict.STORED] * len(records)
    if result.applied != len(records) or len(verdicts) != len(records):
        raise RuntimeError(
            f"The backend tells of {result.applied} records, {len(verdicts)} verdicts; {len(records)} sent."
        )
    deleted = set(result.buried)
    return [
        _buried(record) if record.key in deleted else _overtaken(record, verdict)
        for record, verdict in zip(records, verdicts, strict=True)
        if record.key in deleted or (verdict is not Verdict.STORED and record.revision in asked)
    ]


def _superseded(record: Record) -> Unstored:
    return Unstored(
        revision=record.revision,
        verdict=Verdict.SUPERSEDED,
        code=VersionStale.code,
        detail="Another write of the record, stored at the same time, has a greater version.",
    )


def _buried(record: Record) -> Unstored:
    return Unstored(
        revision=record.revision,
        verdict=Verdict.STALE,
        code=OutrankedByDelete.code,
        detail="The record was deleted with a later `updated_at` than that of the write.",
    )


def _taken(collection: Collection, record: Record) -> Unstored:
    """No fault of the record's: somebody else was first, and whoever sent it is told so."""
    return Unstored(
        revision=record.revision,
        verdict=Verdict.CONFLICT,
        code=ValueTaken.code,
        detail=f"Another {collection.noun} has this value already.",
    )


def _overtaken(record: Record, verdict: Verdict) -> Unstored:
    return Unstored(
        revision=record.revision,
        verdict=verdict,
        code=WriteConflict.code if verdict is Verdict.CONFLICT else VersionStale.code,
        detail="The record changed before the write arrived.",
    )

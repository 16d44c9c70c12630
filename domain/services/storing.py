"""Stores the records of a batch, and tells which of them could not be."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import RecordRefused
from domain.model.collections import Collection
from domain.model.frames import Frame
from domain.model.policies import MAX_STATEMENT_RECORDS
from domain.model.records import ConditionalWrite, Record, Verdict
from domain.model.revisions import run
from domain.services.batches import Unstored, collapse
from domain.services.registry import StorageBackendRegistry
from ports.abilities import ConditionalWrites


class BatchStore:
    """Writes batches of one collection to the backend that the registry routes it to."""

    def __init__(self, collection: Collection, registry: StorageBackendRegistry, refusal: Verdict) -> None:
        """``refusal``: the verdict of a record that the backend refuses."""
        self._collection = collection
        self._registry = registry
        self._refusal = refusal

    async def store(self, records: Sequence[Record]) -> list[Unstored]:
        """Store the greatest version of each key, a statement's worth at a time.

        Raises BackendError where trying again is what helps.
        """
        winners, superseded = collapse(records)
        unstored = _outranked(winners, superseded)
        refused: list[Record] = []
        for begin in range(0, len(winners), MAX_STATEMENT_RECORDS):
            unstored += await self._isolate(winners[begin : begin + MAX_STATEMENT_RECORDS], refused)
        if refused and superseded:
            # the next version of a refused one's key was only superseded by a record that never was
            keys = {record.key for record in refused}
            again = [record for record in superseded if record.key in keys]
            unstored += await self.store(again) if again else []
        return unstored

    async def store_conditional(self, frame: Frame, records: Sequence[Record]) -> list[Unstored]:
        """Store the records of a conditional frame that still build on the current state.

        Raises BackendError where trying again is what helps, AbilityMissing.
        """
        backend = self._registry.ability(self._collection, ConditionalWrites)
        bases = dict(zip(run(frame.first_revision, frame.count), frame.headers.base_revisions, strict=True))
        writes = [ConditionalWrite(record, bases[record.revision]) for record in records]
        parts = [sorted(writes, key=lambda write: write.record.key)]
        unstored: list[Unstored] = []
        while parts:
            part = parts.pop()
            try:
                verdicts = await backend.write_conditional(self._collection, part)
            except RecordRefused as refusal:
                if len(part) == 1:
                    unstored.append(self._refused(part[0].record, refusal))
                else:
                    parts += [[write] for write in part]
                continue
            unstored += [
                _overtaken(write.record, verdict)
                for write, verdict in zip(part, verdicts, strict=True)
                if verdict is not Verdict.STORED
            ]
        return unstored

    async def _isolate(self, records: Sequence[Record], refused: list[Record]) -> list[Unstored]:
        """Store all but the records that the backend refuses; it names them, or bisection finds them."""
        backend = self._registry.backend(self._collection)
        unstored: list[Unstored] = []
        parts = [list(records)]
        while parts:
            part = parts.pop()
            try:
                result = await backend.write(self._collection, part)
            except RecordRefused as refusal:
                place = 0 if len(part) == 1 else refusal.index
                if place is None:
                    middle = len(part) // 2
                    parts += [part[:middle], part[middle:]]
                    continue
                refused.append(part.pop(place))
                unstored.append(self._refused(refused[-1], refusal))
                parts += [part] if part else []
            else:
                deleted = set(result.buried)
                unstored += [_buried(record) for record in part if record.key in deleted]
        return unstored

    def _refused(self, record: Record, refusal: RecordRefused) -> Unstored:
        return Unstored(revision=record.revision, verdict=self._refusal, code=refusal.code, detail=refusal.detail)


def _outranked(winners: Sequence[Record], superseded: Sequence[Record]) -> list[Unstored]:
    """The superseded records that came after the delete that outranks them: as if that were stored already."""
    if not superseded:
        return []
    deletes = {record.key: record.revision for record in winners if record.deleted_at is not None}
    return [_buried(record) for record in superseded if record.revision > deletes.get(record.key, record.revision)]


def _buried(record: Record) -> Unstored:
    return Unstored(
        revision=record.revision,
        verdict=Verdict.STALE,
        code="outranked_by_delete",
        detail="The record was deleted with a later `updated_at` than that of the write.",
    )


def _overtaken(record: Record, verdict: Verdict) -> Unstored:
    return Unstored(
        revision=record.revision,
        verdict=verdict,
        code="write_conflict" if verdict is Verdict.CONFLICT else "version_stale",
        detail="The record changed before the write arrived.",
    )

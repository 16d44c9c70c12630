"""Reads: what is acknowledged is seen, flushed or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from domain.errors import RecordNotFound
from domain.model.changes import SessionProgress
from domain.model.collections import Collection
from domain.model.policies import BufferPolicy
from domain.model.query import Condition, Filter, Operator, Query, QueryResult
from domain.model.records import Record, greater
from domain.model.translation import TASK_STATUSES, TASKS
from domain.services.buffer import BufferManager
from domain.services.flush import FlushEngine
from domain.services.registry import StorageBackendRegistry
from ports.abilities import Counting, Scanning


class QueryService:
    """Decides where an answer comes from: the pending view, the store, or both."""

    def __init__(
        self, registry: StorageBackendRegistry, buffer: BufferManager, flush: FlushEngine, policy: BufferPolicy
    ) -> None:
        self._registry = registry
        self._buffer = buffer
        self._flush = flush
        self._deadline = policy.read_deadline_seconds

    async def get(self, collection: Collection, key: str) -> Record:
        """The visible record. Raises RecordNotFound, Replaying, BackendError."""
        record = await self.visible(collection, key)
        if record is None:
            raise RecordNotFound(f"{collection.name} has no record {key!r}.")
        return record

    async def visible(self, collection: Collection, key: str) -> Record | None:
        """The greater of what is pending and what is stored; None where that is nothing or a tombstone."""
        await self._buffer.replayed(collection.name, self._deadline)
        pending = self._buffer.pending(collection, key)  # first: a flush moves records from here to the store
        stored = await self._registry.backend(collection).read(collection, key)
        found = greater(pending, stored) if pending and stored else pending or stored
        return found if found is not None and found.deleted_at is None else None

    async def find(self, collection: Collection, query: Query, *, strong: bool = False) -> QueryResult:
        """One page of stored records; ``strong`` flushes what is acknowledged first.

        Raises FlushIncomplete, Replaying, QueryTimeout, BackendError.
        """
        if strong:
            await self.settle(collection)
        return await self._registry.backend(collection).query(collection, query)

    async def settle(self, *collections: Collection) -> None:
        """Return when everything acknowledged so far is stored. Raises Replaying, FlushIncomplete."""
        for collection in collections:
            await self._buffer.replayed(collection.name, self._deadline)
        await self._flush.flush(collections, self._deadline)

    async def progress(self, session_id: str) -> SessionProgress:
        """A session's stored tasks by status, and how many of its task records still wait. Raises Replaying."""
        await self._buffer.replayed(TASKS.name, self._deadline)
        of_session = Condition("session_id", Operator.EQ, (session_id,))
        pending = self._buffer.pending_of_parent(TASKS, session_id)
        counts = await self._registry.ability(TASKS, Counting).count_by(TASKS, "status", of_session)
        return SessionProgress(counts={status: counts.get(status, 0) for status in TASK_STATUSES}, pending=pending)

    def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """All stored records that match, in key order, with bounded memory. Raises AbilityMissing."""
        return self._registry.ability(collection, Scanning).scan(collection, where)

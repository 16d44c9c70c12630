"""Reads: what is acknowledged is seen, flushed or not."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from domain.errors import FlushIncomplete, ReceiptNotFound, RecordNotFound
from domain.model.changes import SessionProgress
from domain.model.collections import Collection
from domain.model.frames import partition_of
from domain.model.policies import BufferPolicy
from domain.model.query import MAX_PAGE_SIZE, Condition, CountMode, Filter, Operator, Query, QueryResult, ordered
from domain.model.receipts import Receipt
from domain.model.records import Record, greater
from domain.model.translation import TASK_STATUSES, TASKS
from domain.services.buffer import BufferManager
from domain.services.caching import COUNTS, PAGE, STORED, Caching, Counts, Kind, Lookup, Stored, Use
from domain.services.flush import FlushEngine
from domain.services.registry import StorageBackendRegistry
from domain.services.sealing import Sealing
from ports.abilities import Counting, Scanning

T = TypeVar("T")
_BEHIND_SECONDS = 2.0


class QueryService:
    """Decides where an answer comes from: the pending view, the store, or both."""

    def __init__(
        self,
        registry: StorageBackendRegistry,
        buffer: BufferManager,
        flush: FlushEngine,
        policy: BufferPolicy,
        shared_partitions: int = 0,
        caching: Caching | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        """``shared_partitions``: of a pending log that other instances append to as well; 0: there are none.

        ``caching``: for whom a ``lookup`` is given to a method; without one, it asks the store.
        ``sealing``: where fields are encrypted; records leave here with their plaintexts, ``state`` excepted.
        """
        self._sealing = sealing or Sealing()
        self._shared_partitions = shared_partitions
        self._caching = caching
        self._registry = registry
        self._buffer = buffer
        self._flush = flush
        self._deadline = policy.read_deadline_seconds

    async def get(self, collection: Collection, key: str, lookup: Lookup | None = None) -> Record:
        """The visible record. Raises RecordNotFound, DecryptionFailed, Replaying, BackendError."""
        record = await self.visible(collection, key, lookup)
        if record is None:
            raise RecordNotFound(f"{collection.name} has no record {key!r}.")
        return record

    async def visible(self, collection: Collection, key: str, lookup: Lookup | None = None) -> Record | None:
        """The greater of what is pending and what is stored; None where that is nothing or a tombstone."""
        found = await self.state(collection, key, lookup)
        return self.opened(collection, found) if found is not None and found.deleted_at is None else None

    async def state(self, collection: Collection, key: str, lookup: Lookup | None = None) -> Record | None:
        """The same as it is stored: where it is a tombstone too, and with what is encrypted."""
        await self._buffer.replayed(collection.name, self._deadline)
        pending = self._buffer.pending(collection, key)  # first: a flush moves records from here to the store
        stored = await self._read(collection, key, lookup)
        return greater(pending, stored) if pending and stored else pending or stored

    def opened(self, collection: Collection, record: Record) -> Record:
        """A ``state`` with its plaintexts. Raises DecryptionFailed."""
        return self._sealing.opened(collection, record)

    async def plainly_held(self, collection: Collection, values: Iterable[str]) -> Mapping[str, str]:
        """Which of the values of the unique field stand in records of before it was encrypted: their keys, by value.

        The store's unique index compares what is encrypted with its like alone. Raises FlushIncomplete, Replaying,
        BackendError.
        """
        field = collection.unique_field
        if field is None or not self._sealing.hides_former(collection, field):
            return {}
        await self.settle(collection)  # what a former run has taken, too
        place, held, wanted = collection.positions[field.name], dict[str, str](), tuple(values)
        for begin in range(0, len(wanted), MAX_PAGE_SIZE):
            among = Condition(field.name, Operator.IN, wanted[begin : begin + MAX_PAGE_SIZE])
            asked = Query(filter=among, sort=ordered(collection), limit=MAX_PAGE_SIZE, count=CountMode.NONE)
            page = await self._registry.backend(collection).query(collection, asked)
            held |= {str(record.values[place]): record.key for record in page.items}
        return held

    async def behind(self, collection: Collection, receipt: Receipt) -> None:
        """Return when reads by key show what the receipt was given for, whichever instance gave it.

        Raises ReceiptNotFound, FlushIncomplete.
        """
        if receipt.lane != collection.name:
            raise ReceiptNotFound(f"The receipt is of {receipt.lane}, not of {collection.name}.")
        if not self._shared_partitions or receipt.instance == self._buffer.instance:
            return  # what was acknowledged here is seen here
        if partition_of(receipt.last) >= self._shared_partitions:
            raise ReceiptNotFound
        if not await self._flush.wait_applied(collection, [receipt.last], _BEHIND_SECONDS):
            raise FlushIncomplete("What the receipt was given for is not stored yet.", retry_after=1.0)

    async def catch_up(self, collection: Collection) -> None:
        """Return when ``visible`` shows everything acknowledged so far, by other instances too.

        Raises Replaying, FlushIncomplete.
        """
        if self._shared_partitions:
            await self.settle(collection)

    async def find(
        self, collection: Collection, query: Query, *, strong: bool = False, lookup: Lookup | None = None
    ) -> QueryResult:
        """One page of stored records; ``strong`` flushes what is acknowledged first, and asks the store.

        Raises InvalidParameter (of what is encrypted), DecryptionFailed, FlushIncomplete, Replaying, QueryTimeout,
        BackendError.
        """
        asked = self._sealing.query(collection, query)
        if strong:
            await self.settle(collection)
            lookup = lookup and lookup.renewed()

        async def ask() -> QueryResult:
            return await self._registry.backend(collection).query(collection, asked)

        page = await self._answer(Use.LISTS, collection, ("query", asked), PAGE, ask, lookup)
        return self._sealing.opened_page(collection, query, page)

    async def settle(self, *collections: Collection) -> None:
        """Return when everything acknowledged so far is stored. Raises Replaying, FlushIncomplete."""
        for collection in collections:
            await self._buffer.replayed(collection.name, self._deadline)
        await self._flush.flush(collections, self._deadline)

    async def progress(self, session_id: str, lookup: Lookup | None = None) -> SessionProgress:
        """A session's stored tasks by status, and how many of its task records still wait. Raises Replaying."""
        await self._buffer.replayed(TASKS.name, self._deadline)
        of_session = Condition("session_id", Operator.EQ, (session_id,))
        pending = self._buffer.pending_of_parent(TASKS, session_id)
        counts = await self._counted(Use.RECORDS, TASKS, "status", of_session, lookup)
        return SessionProgress(counts={status: counts.get(status, 0) for status in TASK_STATUSES}, pending=pending)

    async def count_by(
        self, collection: Collection, field: str, where: Filter, lookup: Lookup | None = None
    ) -> Mapping[str, int]:
        """Numbers of stored records that match, by the values of a field.

        Raises InvalidParameter (of what is encrypted), AbilityMissing, BackendError.
        """
        self._sealing.check_order(collection, field)
        where = self._sealing.where(collection, where)
        return await self._counted(Use.LISTS, collection, field, where, lookup)

    async def _read(self, collection: Collection, key: str, lookup: Lookup | None) -> Record | None:
        async def ask() -> Stored:
            return Stored(await self._registry.backend(collection).read(collection, key))

        return (await self._answer(Use.RECORDS, collection, ("read", key), STORED, ask, lookup)).record

    async def _counted(
        self, use: Use, collection: Collection, field: str, where: Filter, lookup: Lookup | None
    ) -> Mapping[str, int]:
        async def ask() -> Counts:
            return Counts(dict(await self._registry.ability(collection, Counting).count_by(collection, field, where)))

        return (await self._answer(use, collection, ("count", field, where), COUNTS, ask, lookup)).by_value

    async def _answer(
        self,
        use: Use,
        collection: Collection,
        question: tuple[object, ...],
        kind: Kind[T],
        ask: Callable[[], Coroutine[Any, Any, T]],
        lookup: Lookup | None,
    ) -> T:
        if self._caching is None or lookup is None:
            return await ask()
        if self._sealing.encrypts(collection):  # it may ask for a value, and who has the cache could guess which
            digest = hashlib.sha256(msgspec.msgpack.encode(question)).digest()
            question = (self._sealing.hidden(collection, digest),)
        return await self._caching.answer(use, collection, question, kind, ask, lookup)

    def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """All stored records that match, in key order, with bounded memory.

        Raises InvalidParameter (of what is encrypted) and AbilityMissing at once, DecryptionFailed on the way.
        """
        scanning, asked = self._registry.ability(collection, Scanning), self._sealing.where(collection, where)
        return self._readable(collection, scanning.scan(collection, asked))

    async def _readable(
        self, collection: Collection, portions: AsyncIterator[Sequence[Record]]
    ) -> AsyncIterator[Sequence[Record]]:
        async for portion in portions:
            yield [self._sealing.opened(collection, record) for record in portion]

    def where(self, collection: Collection, where: Filter) -> Filter:
        """A filter as stores and indexes can answer it. Raises InvalidParameter (of what is encrypted)."""
        return self._sealing.where(collection, where)

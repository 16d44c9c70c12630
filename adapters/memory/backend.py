"""Storage in plain dictionaries: the reference implementation, and a backend for trials."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice

import msgspec

from adapters.memory.unique import check_unique
from domain.model.collections import Collection
from domain.model.matching import behind, matcher, ranked, reader
from domain.model.query import (
    Condition,
    CountMode,
    Filter,
    Operator,
    Query,
    QueryResult,
    Sort,
    check_filter,
    check_query,
    declared,
)
from domain.model.records import ConditionalWrite, HealthStatus, Record, Verdict, WriteResult, greater
from ports.probing import Outlook

PORTION_RECORDS = 1000
REMEMBERED = 100_000  # conditional writes of a collection


class MemoryBackend:
    """Abilities: conditional writes, unique fields, counting, expiring, scanning, dumping, rewriting.

    No method ever waits, so every one is a transaction.
    """

    unique_fields = True

    def __init__(self) -> None:
        self._tables: defaultdict[str, dict[str, Record]] = defaultdict(dict)
        self._conditional: defaultdict[str, dict[int, None]] = defaultdict(dict)  # revisions stored, the latest last

    async def open(self) -> None:
        """Nothing to acquire."""

    async def close(self) -> None:
        """Nothing to release: an opened backend finds its records again."""

    async def write(self, collection: Collection, records: Sequence[Record], *, verdicts: bool = False) -> WriteResult:
        """As the port says."""
        check_unique(collection, self._tables[collection.name], enumerate(records))
        found = tuple([self._store(collection, record) for record in records])
        buried = tuple(record.key for record in records if self._is_buried(collection, record))
        return WriteResult(applied=len(records), verdicts=found if verdicts else None, buried=buried)

    async def write_conditional(self, collection: Collection, writes: Sequence[ConditionalWrite]) -> Sequence[Verdict]:
        """As the ability says. What is not stored has revision 0."""
        before = self._conditional[collection.name]
        fresh = [place for place, write in enumerate(writes) if write.record.revision not in before]
        judged = {place: self._judge(collection, writes[place]) for place in fresh}
        chosen = [(place, writes[place].record) for place in fresh if judged[place] is Verdict.STORED]
        check_unique(collection, self._tables[collection.name], chosen)
        for _, record in chosen:
            self._store(collection, record)
            before[record.revision] = None
        for revision in list(before)[: len(before) - REMEMBERED]:
            del before[revision]
        return [judged.get(place, Verdict.STORED) for place in range(len(writes))]

    async def read(self, collection: Collection, key: str) -> Record | None:
        """As the port says."""
        return self._tables[collection.name].get(key)

    async def query(self, collection: Collection, query: Query) -> QueryResult:
        """As the port says; every count is exact."""
        check_query(collection, query)
        matching = list(self._visible(collection, query.filter))
        total = None if query.count is CountMode.NONE else len(matching)
        if query.after is not None:
            matching = list(filter(behind(collection, query.sort, query.after), matching))
        rest = ranked(collection, query.sort, matching)[query.offset :]
        return QueryResult(
            items=tuple(rest[: query.limit]), total=total, total_exact=total is not None, more=len(rest) > query.limit
        )

    async def delete(self, collection: Collection, key: str) -> None:
        """As the port says."""
        self._tables[collection.name].pop(key, None)

    async def rewrite(self, collection: Collection, records: Sequence[Record]) -> int:
        """As the ability says."""
        table = self._tables[collection.name]
        same = [(place, each) for place, each in enumerate(records) if self._is_current(collection, each)]
        check_unique(collection, table, same)
        for _, record in same:
            stored = table[record.key]
            values = list(stored.values)
            for place in collection.rewritten:
                values[place] = record.values[place]
            table[record.key] = msgspec.structs.replace(stored, values=tuple(values))
        return len(same)

    async def count_by(self, collection: Collection, field: str, where: Filter) -> Mapping[str, int]:
        """As the ability says."""
        check_filter(collection, where)
        read = reader(collection, declared(collection, field).name)
        values = (read(record) for record in self._visible(collection, where))
        return Counter(v.isoformat() if isinstance(v, datetime) else str(v) for v in values if v is not None)

    async def expire(self, collection: Collection, before: datetime, limit: int) -> int:
        """As the ability says."""
        where = Condition("created_at", Operator.LT, (before,))
        keys = [record.key for record in islice(self._visible(collection, where), limit)]
        for key in keys:
            del self._tables[collection.name][key]
        return len(keys)

    async def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """As the ability says."""
        query = Query(filter=where, sort=(Sort(collection.key),), limit=PORTION_RECORDS, count=CountMode.NONE)
        while True:
            page = await self.query(collection, query)
            if page.items:
                yield page.items
            if not page.more:
                return
            query = msgspec.structs.replace(query, after=(page.items[-1].key,))

    async def dump(
        self, collection: Collection, *, after: str | None = None, among: Sequence[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """As the ability says."""
        table = self._tables[collection.name]
        wanted = table if among is None else table.keys() & set(among)
        keys = sorted(key for key in wanted if after is None or key > after)
        for begin in range(0, len(keys), PORTION_RECORDS):
            yield [table[key] for key in keys[begin : begin + PORTION_RECORDS]]

    async def health_check(self) -> HealthStatus:
        """Always healthy."""
        return HealthStatus(healthy=True, detail="memory", latency_seconds=0.0)

    async def probe(self) -> Outlook:
        """It opens wherever it is asked to, and forgets."""
        return Outlook("memory: what was flushed is gone with the process", warning=True)

    def _is_buried(self, collection: Collection, record: Record) -> bool:
        stored = self._tables[collection.name][record.key]
        return stored.deleted_at is not None and stored.version > record.version

    def _is_current(self, collection: Collection, record: Record) -> bool:
        stored = self._tables[collection.name].get(record.key)
        return stored is not None and stored.deleted_at is None and stored.version == record.version

    def _store(self, collection: Collection, record: Record) -> Verdict:
        table = self._tables[collection.name]
        stored = table.get(record.key)
        winner = record if stored is None else greater(stored, record)
        table[record.key] = winner
        return Verdict.STORED if winner.version == record.version else Verdict.STALE

    def _judge(self, collection: Collection, write: ConditionalWrite) -> Verdict:
        stored = self._tables[collection.name].get(write.record.key)
        if stored is not None and stored.version == write.record.version:
            return Verdict.STORED
        if write.base_revision != (stored.revision if stored else 0):
            return Verdict.CONFLICT
        return Verdict.STORED if stored is None or stored.version < write.record.version else Verdict.STALE

    def _visible(self, collection: Collection, where: Filter) -> Iterable[Record]:
        matches = matcher(collection, where)
        table = self._tables[collection.name]
        return (record for record in table.values() if record.deleted_at is None and matches(record))

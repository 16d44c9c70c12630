"""A whole service on memory adapters, with faults that a test can switch on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from adapters.memory.backend import MemoryBackend
from adapters.memory.cache import MemoryCache
from adapters.memory.dead_letters import MemoryDeadLetters
from adapters.memory.receipts import MemoryReceipts
from adapters.memory.revision_ceiling import MemoryRevisionCeiling
from adapters.memory.write_buffer import MemoryWriteBuffer
from adapters.system.ids import SystemIds
from domain.errors import PersistenceError
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.model.observations import Observation
from domain.model.policies import BufferPolicy
from domain.model.records import ConditionalWrite, HealthStatus, Record, Verdict, WriteResult
from domain.model.translation import TASKS
from domain.services.buffer import BufferManager
from domain.services.caching import Caching, Level, Use
from domain.services.changes import ChangeService
from domain.services.circuit import Circuit
from domain.services.counted_log import CountedLog
from domain.services.dead_letters import DeadLetterService
from domain.services.flush import FlushEngine
from domain.services.lane import Lane, LaneParts
from domain.services.query import QueryService
from domain.services.receipts import ReceiptService
from domain.services.recovery import RecoveryService
from domain.services.registry import NamedBackend, StorageBackendRegistry
from domain.services.revisions import RevisionIssuer
from domain.services.schema import Schemas
from domain.services.sealing import Sealing
from ports.cache import Cache, Generations
from ports.storage_backend import StorageBackend

START = datetime(2026, 11, 24, 12, tzinfo=UTC)


class SteppingClock:
    """Wall time that moves a millisecond at each look; monotonic time that is real."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def monotonic(self) -> float:
        import time

        return time.monotonic()


class FaultyBackend:
    """A backend in front of which a test puts faults: errors to raise, records to refuse."""

    def __init__(self, inner: MemoryBackend) -> None:
        self.inner = inner
        self.errors: list[PersistenceError] = []  # raised by the next writes, one each
        self.after_writing: list[PersistenceError] = []  # raised although the write was done
        self.poison: dict[str, PersistenceError] = {}  # raised when a record of this key is written
        self.writes: list[tuple[str, ...]] = []  # keys of every statement that reached the store
        self.tries = 0
        self.written = asyncio.Event()

    async def write(self, collection: Collection, records: Sequence[Record], *, verdicts: bool = False) -> WriteResult:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        for place, record in enumerate(records):
            if record.key in self.poison:
                fault = self.poison[record.key]
                if getattr(fault, "index", None) is not None:
                    fault.index = place  # type: ignore[attr-defined]
                raise fault
        self.writes.append(tuple(record.key for record in records))
        self.written.set()
        result = await self.inner.write(collection, records, verdicts=verdicts)
        if self.after_writing:
            raise self.after_writing.pop(0)
        return result

    async def write_conditional(self, collection: Collection, writes: Sequence[ConditionalWrite]) -> Sequence[Verdict]:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        for write in writes:
            if write.record.key in self.poison:
                raise self.poison[write.record.key]
        return await self.inner.write_conditional(collection, writes)

    async def health_check(self) -> HealthStatus:
        return await self.inner.health_check()

    async def read(self, collection, key):
        return await self.inner.read(collection, key)

    async def query(self, collection, query):
        return await self.inner.query(collection, query)

    async def delete(self, collection, key):
        await self.inner.delete(collection, key)

    async def count_by(self, collection, field, where):
        return await self.inner.count_by(collection, field, where)

    def scan(self, collection, where):
        return self.inner.scan(collection, where)


class Minimal:
    """A backend of somebody's: the universal five, and no abilities."""

    def __init__(self, inner) -> None:
        self.write, self.read, self.query = inner.write, inner.read, inner.query
        self.delete, self.health_check = inner.delete, inner.health_check


class House:
    """Every service, wired. ``restart`` builds them anew over what is durable."""

    def __init__(
        self,
        backend: StorageBackend | None = None,
        policy: BufferPolicy | None = None,
        write_buffer: object = None,
        collections: Sequence[Collection] = BUILT_IN,
        sealing: Sealing | None = None,
    ) -> None:
        self.sealing = sealing or Sealing()
        self.collections = collections
        self.clock = SteppingClock()
        self.policy = policy or BufferPolicy(linger_seconds=0.001, read_deadline_seconds=2.0)
        self.backend = backend or FaultyBackend(MemoryBackend())
        self.write_buffer = write_buffer or MemoryWriteBuffer([c.name for c in self.collections])
        self.dead_letters = MemoryDeadLetters()
        self.receipts = MemoryReceipts()
        self.ceiling = MemoryRevisionCeiling()
        self.seen: list[Observation] = []
        self.build()

    def build(self) -> None:
        schemas = Schemas(self.collections)
        self.registry = StorageBackendRegistry(
            [NamedBackend("default", "memory", self.backend)],
            {c.name: "default" for c in self.collections},
            self.collections,
            self.seen.append,
            self.clock,
        )
        self.issuer = RevisionIssuer(self.ceiling, self.clock)
        self.buffer = BufferManager(
            self.collections,
            schemas,
            self.write_buffer,
            self.receipts,
            self.issuer,
            self.policy,
            self.seen.append,
            self.clock,
            self.sealing,
        )
        self.counted = CountedLog(self.write_buffer, SystemIds())
        parts = LaneParts(
            buffer=self.counted,
            registry=self.registry,
            dead_letters=self.dead_letters,
            receipts=self.receipts,
            policy=self.policy,
            observer=self.seen.append,
            clock=self.clock,
            ids=SystemIds(),
        )
        self.flush = FlushEngine(
            [Lane(c, schemas.of(c.name), parts) for c in self.collections],
            self.counted,
            self.buffer,
            self.seen.append,
        )
        self.caching = self.cached_in(MemoryCache(1000, 1_000_000, self.clock.monotonic))
        self.query = QueryService(self.registry, self.buffer, self.flush, self.policy, 0, self.caching, self.sealing)
        self.changes = ChangeService(
            self.registry, schemas, self.buffer, self.flush, self.query, self.receipts, self.policy, self.clock
        )
        self.letters = DeadLetterService(
            self.dead_letters,
            self.dead_letters.bounds,
            *(self.registry, schemas, self.buffer, self.flush, self.receipts, self.seen.append, self.clock),
            self.sealing,
        )
        self.recovery = RecoveryService(self.query, self.clock)
        lanes = [c.name for c in self.collections]
        self.receipt_service = ReceiptService(lanes, self.write_buffer, self.receipts, self.issuer)

    def cached_in(self, cache: Cache, generations: Generations | None = None) -> Caching:
        """``cache``: for everything."""
        circuit = Circuit("test", 5.0, self.seen.append, self.clock)
        level = Level("process", cache, circuit, lambda _: 60.0)
        return Caching(
            "test",
            lambda _: str(self.registry.generation),
            generations or self.counted,
            Circuit("generations", 5.0, self.seen.append, self.clock),
            self.seen.append,
            {Use.RECORDS: level, Use.LISTS: level},
        )

    @asynccontextmanager
    async def running(self, *, draining: bool = True):
        """Serve; without ``draining`` everything stays in the pending log."""
        if draining:
            await self.flush.start()
        await self.buffer.start()
        try:
            yield self
        finally:
            await self.flush.stop(0)
            await self.buffer.stop()
            await self.caching.close()

    async def post(self, *records: dict[str, object], collection: Collection = TASKS):
        return await self.buffer.accept(collection, json.dumps(records).encode())

    async def settled(self) -> None:
        await self.query.settle(*self.collections)

    def observed(self, kind: type) -> list:
        return [found for found in self.seen if isinstance(found, kind)]


def task(key: str = "t1", **changes: object) -> dict[str, object]:
    return {
        "task_id": key,
        "session_id": "s1",
        "status": "pending",
        "source_text": "Hello",
        "source_lang": "en",
        "target_lang": "de",
        **changes,
    }


def session(key: str = "s1", **changes: object) -> dict[str, object]:
    return {"session_id": key, "status": "processing", "source_lang": "en", "target_lang": "de", **changes}

"""Records in Redis: states by key, sorted sets of keys, and the guard of versions in a script."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

import msgspec
import redis.exceptions

from adapters.redis.page import Page
from adapters.redis.server import RedisServer, ScriptFailed
from adapters.redis.states import Names, decoder, number, written
from adapters.redis.walk import PORTION, Walk
from domain.errors import (
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    JournalFull,
    JournalUnreachable,
    QueryTimeout,
    StartFailure,
)
from domain.model.collections import Collection
from domain.model.matching import matcher, reader
from domain.model.query import (
    EVERYTHING,
    CountMode,
    Filter,
    Query,
    QueryResult,
    check_filter,
    check_query,
    declared,
)
from domain.model.records import ConditionalWrite, HealthStatus, Record, Verdict, WriteResult
from ports.probing import Outlook

_ANY_BASE = b""


class RedisBackend:
    """Abilities: conditional writes, counting, scanning, dumping, rewriting.

    A query looks at every record of the smallest set that its filter names, or at all of them: fields that a declared
    index begins with have a set for each value. Its deadline bounds what that may take.
    """

    def __init__(self, server: RedisServer, lives: Mapping[str, float], *, query_seconds: float) -> None:
        """``lives``: seconds after its last write that a record is kept, by collection; absent: for ever."""
        self._server = server
        self._lives = lives
        self._query_seconds = query_seconds
        self._walk = Walk(server)

    async def open(self) -> None:
        """Connect, and look at the server's promises. Raises StartFailure; BackendUnavailable where nothing answers."""
        try:
            await self._server.open()
        except StartFailure as error:
            if _is_outage(error):
                raise BackendUnavailable(error.detail) from error
            raise

    async def close(self) -> None:
        """Release the connections."""
        await self._server.close()

    async def write(self, collection: Collection, records: Sequence[Record], *, verdicts: bool = False) -> WriteResult:
        """As the port says."""
        told = await self._store(collection, [(record, _ANY_BASE) for record in records])
        buried = tuple(record.key for record, word in zip(records, told, strict=True) if word == b"buried")
        found = tuple(map(_verdict, told)) if verdicts else None
        return WriteResult(applied=len(records), verdicts=found, buried=buried)

    async def write_conditional(self, collection: Collection, writes: Sequence[ConditionalWrite]) -> Sequence[Verdict]:
        """As the ability says. What is not stored has revision 0."""
        told = await self._store(collection, [(write.record, number(write.base_revision)) for write in writes])
        return list(map(_verdict, told))

    async def read(self, collection: Collection, key: str) -> Record | None:
        """As the port says."""
        with _meaning():
            state = await self._server.ask("GET", Names(collection).record(key))
        return None if state is None else decoder(collection)(state)

    async def query(self, collection: Collection, query: Query) -> QueryResult:
        """As the port says; every count is exact, but for those of records that expire."""
        check_query(collection, query)
        async with self._deadline(collection):
            return await self._found(collection, query)

    async def delete(self, collection: Collection, key: str) -> None:
        """As the port says."""
        names = Names(collection)
        places = [names.all, names.visible, names.visible, names.record(key)]
        with _meaning():
            await self._server.run("drop", places, names.prefix, msgspec.msgpack.encode(names.fields), "0", key)

    async def rewrite(self, collection: Collection, records: Sequence[Record]) -> int:
        """As the ability says."""
        if not records:
            return 0
        places = [Names(collection).record(record.key) for record in records]
        states = [written(collection, record) for record in records]
        with _meaning():
            return int(await self._server.run("rewrite", places, *states))

    async def count_by(self, collection: Collection, field: str, where: Filter) -> Mapping[str, int]:
        """As the ability says."""
        check_filter(collection, where)
        value_of = reader(collection, declared(collection, field).name)
        counts: Counter[str] = Counter()
        async with self._deadline(collection):
            async for portion in self.scan(collection, where):
                values = [value_of(record) for record in portion]
                counts.update(v.isoformat() if isinstance(v, datetime) else str(v) for v in values if v is not None)
        return counts

    async def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """As the ability says."""
        check_filter(collection, where)
        matches, names = matcher(collection, where), Names(collection)
        with _meaning():
            within = await self._walk.smallest(names, names.sets(where))
            async for portion in self._walk.through(collection, within):
                if found := [record for record in portion if record.deleted_at is None and matches(record)]:
                    yield found

    async def dump(
        self, collection: Collection, *, after: str | None = None, among: Sequence[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """As the ability says."""
        names = Names(collection)
        with _meaning():
            if among is None:
                async for portion in self._walk.through(collection, names.all, after=after):
                    yield portion
                return
            keys = sorted(key.encode() for key in among if after is None or key > after)
            for begin in range(0, len(keys), PORTION):
                async for portion in self._walk.among(collection, keys[begin : begin + PORTION], names.all):
                    yield portion

    async def health_check(self) -> HealthStatus:
        """As the port says."""
        begun = time.monotonic()
        try:
            healthy, detail = True, await self._version()
        except JournalUnreachable as error:
            healthy, detail = False, error.detail
        return HealthStatus(healthy=healthy, detail=detail, latency_seconds=time.monotonic() - begun)

    async def probe(self) -> Outlook:
        """What ``open`` would find. Raises StartFailure, BackendUnavailable."""
        try:
            await self.open()
            return Outlook(await self._version())
        finally:
            await self.close()

    @asynccontextmanager
    async def _deadline(self, collection: Collection) -> AsyncIterator[None]:
        """For calls that look at many records. Raises QueryTimeout."""
        try:
            async with asyncio.timeout(self._query_seconds):
                with _meaning():
                    yield
        except TimeoutError:
            fields = ", ".join(Names(collection).fields) or "none"
            raise QueryTimeout(
                f"There are too many records to look at in {self._query_seconds:g} s; narrow them down by one value of "
                f"a field that has sets in Redis ({fields})."
            ) from None

    async def _version(self) -> str:
        return f"Redis {(await self._server.ask('INFO', 'server'))['redis_version']}"

    async def _store(self, collection: Collection, writes: Sequence[tuple[Record, bytes]]) -> Sequence[bytes]:
        """The word of ``scripts/store.lua`` for each record."""
        if not writes:
            return []
        names, life = Names(collection), int(self._lives.get(collection.name, 0) * 1000)
        places = [names.all, names.visible, names.conditional, *(names.record(record.key) for record, _ in writes)]
        items = [part for record, base in writes for part in (record.key, written(collection, record), base)]
        with _meaning():
            words: Sequence[bytes] = await self._server.run(
                "store", places, names.prefix, names.record(""), life, msgspec.msgpack.encode(names.fields), *items
            )
        return words

    async def _found(self, collection: Collection, query: Query) -> QueryResult:
        names, matches = Names(collection), matcher(collection, query.filter)
        within = await self._walk.smallest(names, names.sets(query.filter))
        total = await self._size(names, query)
        by_key, falling = len(query.sort) == 1, query.sort[0].descending
        after = str(query.after[0]) if by_key and query.after and total is not None else None
        page, seen = Page(collection, query), 0
        async for portion in self._walk.through(collection, within, after=after, falling=by_key and falling):
            matching = [record for record in portion if record.deleted_at is None and matches(record)]
            seen += len(matching)
            page.add(matching)
            if by_key and total is not None and page.is_full:
                break
        items, more = page.cut()
        counted = None if query.count is CountMode.NONE else seen if total is None else total
        return QueryResult(
            items=items,
            total=counted,
            total_exact=counted is not None and collection.name not in self._lives,
            more=more,
        )

    async def _size(self, names: Names, query: Query) -> int | None:
        """How many match, where that is known, or of no interest, without a look at them."""
        if query.count is CountMode.NONE:
            return 0
        return int(await self._server.ask("ZCARD", names.visible)) if query.filter == EVERYTHING else None


def _is_outage(error: StartFailure) -> bool:
    """Whether it passes by itself: the server is not there, or not yet."""
    first = error.__cause__ and error.__cause__.__cause__
    is_gone = isinstance(first, OSError | redis.exceptions.ConnectionError)
    return is_gone and not isinstance(first, redis.exceptions.AuthenticationError)


@contextmanager
def _meaning() -> Iterator[None]:
    """The errors of the server as those of a backend."""
    try:
        yield
    except JournalFull as error:
        raise BackendExhausted("Redis has reached its maxmemory.") from error
    except ScriptFailed as error:
        raise BackendError(error.detail) from error  # nobody knows which record met it
    except JournalUnreachable as error:
        raise BackendUnavailable(error.detail) from error


def _verdict(word: bytes) -> Verdict:
    return Verdict.STALE if word == b"buried" else Verdict(word.decode())

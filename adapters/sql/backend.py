"""Records in the tables of a database server, whichever it is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from itertools import count

import msgspec

from adapters.sql import conditional, queries
from adapters.sql.connection import SqlConnection, SqlPool
from adapters.sql.engine import Engine
from adapters.sql.migrations import Migrations
from adapters.sql.pages import PORTION_RECORDS, Portion, whole_page
from adapters.sql.queries import Prepared
from adapters.sql.rows import to_datetime, to_record, to_rows, version_of
from adapters.sql.statements import Statements, rewriting, statements
from adapters.sql.verdicts import Stored, judged, placed
from domain.errors import (
    BackendContended,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    QueryTimeout,
    SchemaMismatch,
    StartFailure,
)
from domain.model.collections import Collection, FieldType
from domain.model.policies import PAGE_CHARACTERS
from domain.model.query import (
    EXACT_COUNT_LIMIT,
    CountMode,
    Filter,
    Query,
    QueryResult,
    Sort,
    check_filter,
    check_query,
    declared,
)
from domain.model.records import ConditionalWrite, HealthStatus, Record, Verdict, WriteResult
from domain.model.schema_steps import SchemaStep
from ports.probing import Outlook
from sql import Migration

_PASSING = (BackendUnavailable, BackendContended, BackendExhausted, QueryTimeout)  # nothing has to be changed for it
_LOOKS = 10  # at what is stored, before a conditional write gives up among writers of the same records
_FORGET_EVERY = 1000  # conditional writes


class SqlBackend:
    """The universal five over a pool of sessions; a kind of server adds its engine and its migrations.

    Abilities: conditional writes, unique fields, counting, expiring, scanning, dumping, rewriting.
    """

    unique_fields = True

    def __init__(
        self,
        pool: SqlPool,
        engine: Engine,
        steps: Sequence[Migration],
        collections: Sequence[Collection],
        *,
        caution: str = "",
        query_seconds: float = 5.0,
        write_seconds: float = 30.0,
        parallel_writes: int = 1,
    ) -> None:
        """``caution``: what to know before it serves.

        ``query_seconds`` bounds a read, a list or a probe, ``write_seconds`` one batch; both with all waiting.
        """
        self.parallel_writes = parallel_writes
        self._caution = caution
        self._pool = pool
        self._engine = engine
        self._collections = tuple(collections)
        self._statements = {collection.name: statements(collection, engine.dialect) for collection in collections}
        self._migrations = Migrations(pool, engine, steps)
        self._query_seconds = query_seconds
        self._write_seconds = write_seconds
        self._conditional = count()

    async def open(self) -> None:
        """Connect, and see that the tables are those of this release.

        Raises BackendUnavailable where that may succeed later, StartFailure where something must be mended first.
        """
        try:
            await self._pool.open()
            await self._migrations.verify(self._collections)
        except BaseException as error:
            await self._pool.close()
            if isinstance(error, _PASSING):
                raise BackendUnavailable(error.detail) from error
            if isinstance(error, BackendError):
                raise StartFailure(error.detail) from error
            raise

    async def close(self) -> None:
        """Close every session."""
        await self._pool.close()

    async def probe(self) -> Outlook:
        """As the port says: it is opened and closed."""
        await self.open()
        await self.close()
        return Outlook("; ".join(filter(None, (self._engine.name, self._caution))), warning=bool(self._caution))

    async def steps(self) -> Sequence[SchemaStep]:
        """As the port says."""
        return await self._migrations.steps()

    async def migrate(self) -> Sequence[str]:
        """As the port says."""
        return await self._migrations.migrate()

    async def write(self, collection: Collection, records: Sequence[Record], *, verdicts: bool = False) -> WriteResult:
        """As the port says."""
        if not records:
            return WriteResult(applied=0, verdicts=() if verdicts else None)
        sent = {record.key: record for record in records}
        rows = to_rows(records)
        async with self._pool.acquire(self._write_seconds) as connection:
            if verdicts:
                async with connection.transaction():
                    await self._engine.upsert(connection, collection, rows)
                    stored = await self._versions(connection, collection, list(sent))
            elif await self._engine.upsert(connection, collection, rows):
                stored = await self._versions(connection, collection, list(sent), "deleted_at IS NOT NULL")
            else:
                stored = {}
        of = {key: version for key, (version, deleted) in stored.items() if deleted}
        return WriteResult(
            applied=len(rows),
            verdicts=tuple(_verdict(stored, row[0], version_of(row)) for row in rows) if verdicts else None,
            buried=tuple(row[0] for row in rows if row[0] in of and of[row[0]] > version_of(row)),
        )

    async def write_conditional(self, collection: Collection, writes: Sequence[ConditionalWrite]) -> Sequence[Verdict]:
        """As the port says. Repeatable reads make the server refuse what another writer has changed since the look,
        a key that has appeared too; after a new look it is a conflict.
        """
        async with self._pool.acquire(self._write_seconds) as connection:
            if writes and next(self._conditional) % _FORGET_EVERY == 0:
                newest = max(write.record.revision for write in writes)
                text, parameters = conditional.forget(collection, self._engine.dialect, newest)
                await connection.execute(text, *parameters)
            for _ in range(_LOOKS):
                with suppress(BackendContended):
                    async with connection.transaction(isolation="repeatable_read"):
                        return await self._store_judged(connection, collection, writes)
        raise BackendContended(f"Others changed the same records {_LOOKS} times in a row.")

    async def _store_judged(
        self, connection: SqlConnection, collection: Collection, writes: Sequence[ConditionalWrite]
    ) -> Sequence[Verdict]:
        rows = to_rows(write.record for write in writes)
        stored = await self._versions(connection, collection, [row[0] for row in rows], lock=True)
        before = await self._stored_before(connection, collection, [write.record.revision for write in writes])
        verdicts = [Verdict.STORED] * len(writes)
        fresh = [place for place, write in enumerate(writes) if write.record.revision not in before]
        for place in fresh:
            row = rows[place]
            current = stored[row[0]][0] if row[0] in stored else None
            verdicts[place] = judged(current, version_of(row), writes[place].base_revision)
        places = [place for place in fresh if verdicts[place] is Verdict.STORED]
        if places:
            with placed(places):
                await self._engine.upsert(connection, collection, [rows[place] for place in places])
            revisions = [writes[place].record.revision for place in places]
            text, parameters = conditional.note(collection, self._engine.dialect, revisions)
            await connection.execute(text, *parameters)
        return verdicts

    async def read(self, collection: Collection, key: str) -> Record | None:
        """As the port says."""
        async with self._pool.acquire(self._query_seconds) as connection:
            row = await connection.fetchrow(self._of(collection).read, key)
        return None if row is None else to_record(row)

    async def query(self, collection: Collection, query: Query) -> QueryResult:
        """As the port says; page and count come from one snapshot."""
        check_query(collection, query)
        statement = queries.page(collection, self._engine.dialect, self._of(collection), query)
        try:
            async with (
                self._pool.acquire(self._query_seconds) as connection,
                connection.transaction(isolation="repeatable_read"),
            ):
                rows = whole_page(await _filled(connection, statement, Portion(query.limit + 1, PAGE_CHARACTERS)))
                total, exact = await self._count(connection, collection, query.filter, query.count)
        except QueryTimeout as timeout:
            advice = queries.index_advice(collection, query)
            raise QueryTimeout(f"No answer within {self._query_seconds:g} s. {advice}") from timeout
        items = tuple(map(to_record, rows[: query.limit]))
        return QueryResult(items=items, total=total, total_exact=exact, more=len(rows) > query.limit)

    async def delete(self, collection: Collection, key: str) -> None:
        """As the port says."""
        async with self._pool.acquire(self._write_seconds) as connection:
            await connection.execute(self._of(collection).delete, key)

    async def rewrite(self, collection: Collection, records: Sequence[Record]) -> int:
        """As the ability says."""
        statement = self._of(collection).rewrite
        if not statement:
            return 0
        async with self._pool.acquire(self._write_seconds) as connection, connection.transaction():
            return sum([await connection.execute(statement, *rewriting(collection, row)) for row in to_rows(records)])

    async def count_by(self, collection: Collection, field: str, where: Filter) -> Mapping[str, int]:
        """As the ability says."""
        check_filter(collection, where)
        instant = declared(collection, field).type is FieldType.INSTANT
        statement = queries.count_by(collection, self._engine.dialect, field, where)
        async with self._pool.acquire(self._query_seconds) as connection:
            rows = await connection.fetch(statement.text, *statement.parameters)
        return {
            to_datetime(value).isoformat() if instant else str(value): number
            for value, number in rows
            if value is not None
        }

    async def expire(self, collection: Collection, before: datetime, limit: int) -> int:
        """As the ability says; keys are removed in their order, in which writers lock them too."""
        dialect = self._engine.dialect
        found = queries.old(collection, dialect, before, at_most=limit)
        async with self._pool.acquire(self._write_seconds) as connection:
            keys = sorted(key for (key,) in await connection.fetch(found.text, *found.parameters))
            if not keys:
                return 0
            removal = queries.removal(collection, dialect, keys, before)
            return await connection.execute(removal.text, *removal.parameters)

    async def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """As the ability says; no session is held between two portions."""
        check_filter(collection, where)
        query = Query(filter=where, sort=(Sort(collection.key),), limit=PORTION_RECORDS)
        more = True
        while more:
            statement = queries.page(collection, self._engine.dialect, self._of(collection), query)
            records, more = await self._portion(statement)
            if records:
                yield records
                query = msgspec.structs.replace(query, after=(records[-1].key,))

    async def dump(
        self, collection: Collection, *, after: str | None = None, among: Sequence[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """As the ability says; no session is held between two portions."""
        more = True
        while more:
            statement = queries.everything(collection, self._engine.dialect, self._of(collection), after, among)
            records, more = await self._portion(statement)
            if records:
                yield records
                after = records[-1].key

    async def _portion(self, statement: Prepared) -> tuple[Sequence[Record], bool]:
        """The records of a portion, and whether there are more."""
        async with self._pool.acquire(self._query_seconds) as connection, connection.transaction():
            portion = await _filled(connection, statement, Portion())
        return tuple(map(to_record, portion.rows)), portion.cut

    async def health_check(self) -> HealthStatus:
        """Whether the server answers, and which it is."""
        begun = time.monotonic()
        try:
            async with self._pool.acquire(self._query_seconds) as connection:
                await connection.fetchval("SELECT 1")
        except (BackendError, QueryTimeout) as error:
            return HealthStatus(healthy=False, detail=error.detail, latency_seconds=time.monotonic() - begun)
        return HealthStatus(healthy=True, detail=self._engine.name, latency_seconds=time.monotonic() - begun)

    async def _count(
        self, connection: SqlConnection, collection: Collection, where: Filter, mode: CountMode
    ) -> tuple[int | None, bool]:
        """The number of visible records that match, or None, and whether it is exact."""
        if mode is CountMode.NONE:
            return None, False
        limit = EXACT_COUNT_LIMIT + 1 if mode is CountMode.ESTIMATED else None
        counting = queries.count(collection, self._engine.dialect, where, at_most=limit)
        found = int(await connection.fetchval(counting.text, *counting.parameters))
        if limit is None or found < limit:
            return found, True
        matching = queries.matching(collection, self._engine.dialect, where)
        return max(found, await self._engine.estimate(connection, matching)), False

    async def _stored_before(
        self, connection: SqlConnection, collection: Collection, revisions: Sequence[int]
    ) -> set[int]:
        """The conditional writes among these that were stored; asked behind the locks, so that none is under way."""
        text, parameters = conditional.stored(collection, self._engine.dialect, revisions)
        return {revision for (revision,) in await connection.fetch(text, *parameters)}

    async def _versions(
        self,
        connection: SqlConnection,
        collection: Collection,
        keys: Sequence[str],
        condition: str | None = None,
        *,
        lock: bool = False,
    ) -> dict[str, tuple[Stored, bool]]:
        """What is stored under keys: the version, and whether it is a tombstone."""
        statement = queries.versions(collection, self._engine.dialect, keys, condition, lock=lock)
        rows = await connection.fetch(statement.text, *statement.parameters)
        return {key: ((updated_at, revision), deleted is not None) for key, updated_at, revision, deleted in rows}

    def _of(self, collection: Collection) -> Statements:
        try:
            return self._statements[collection.name]
        except KeyError:
            raise SchemaMismatch(f"The backend has no table for {collection.name}.") from None


async def _filled(connection: SqlConnection, statement: Prepared, portion: Portion) -> Portion:
    async with aclosing(connection.stream(statement.text, *statement.parameters)) as rows:  # type: ignore[type-var]
        async for row in rows:
            if not portion.take(row):
                break
    return portion


def _verdict(stored: Mapping[str, tuple[Stored, bool]], key: str, sent: Stored) -> Verdict:
    """After the upsert: each row either is the stored state, or was older than it."""
    return Verdict.STORED if key in stored and stored[key][0] == sent else Verdict.STALE

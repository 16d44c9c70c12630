"""The embedded default backend: one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from adapters.sql import queries
from adapters.sql.pages import PORTION_RECORDS, Portion, whole_page
from adapters.sql.queries import Prepared
from adapters.sql.rows import Row, to_datetime, to_record, to_rows
from adapters.sql.statements import Statements, rewriting, statements
from adapters.sql.verdicts import placed
from adapters.sqlite.bulk import store_rows
from adapters.sqlite.connections import Connections, ConnectionSettings, transaction
from adapters.sqlite.counting import count_matching
from adapters.sqlite.database import Database
from adapters.sqlite.dialect import SQLITE
from adapters.sqlite.portions import filled
from adapters.sqlite.probe import look
from adapters.sqlite.verdicts import buried, judge, note, read_back
from domain.errors import BackendError, QueryTimeout, SchemaMismatch
from domain.model.collections import Collection, FieldType
from domain.model.policies import PAGE_CHARACTERS
from domain.model.query import Filter, Query, QueryResult, Sort, check_filter, check_query, declared
from domain.model.records import ConditionalWrite, HealthStatus, Record, Verdict, WriteResult
from domain.model.schema_steps import SchemaStep
from ports.probing import Outlook
from sql import migrations


class SqliteBackend:
    """Records in one file: one writer, a few readers, and one reader kept for single keys.

    Abilities: conditional writes, unique fields, counting, expiring, scanning, dumping, rewriting.
    """

    unique_fields = True

    def __init__(
        self,
        path: Path,
        collections: Sequence[Collection],
        *,
        statement_deadline_seconds: float = 5.0,
        readers: int = 2,
        render: Callable[[Collection], Statements] = lambda collection: statements(collection, SQLITE),
    ) -> None:
        """``readers``: lists that run at the same time; ``render``: how a collection's statements are built."""
        self._path = path
        self._statements = {collection.name: render(collection) for collection in collections}
        self._deadline = statement_deadline_seconds
        reading = ConnectionSettings(deadline_seconds=statement_deadline_seconds, read_only=True)
        self._database = Database(
            path, migrations("sqlite"), busy_seconds=statement_deadline_seconds, cache_kib=32 * 1024
        )
        self._lists = Connections(path, size=readers, settings=reading)
        self._keys = Connections(path, settings=reading)

    async def open(self) -> None:
        """Migrate and connect. Raises StartFailure."""
        try:
            await self._database.open()
            await self._lists.open()
            await self._keys.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what runs and release the file."""
        await self._keys.close()
        await self._lists.close()
        await self._database.close()

    async def steps(self) -> Sequence[SchemaStep]:
        """As the port says."""
        return await self._database.steps()

    async def migrate(self) -> Sequence[str]:
        """As the port says; opening does the same."""
        missing = [step.name for step in await self.steps() if not step.applied]
        self._database.make_folder()
        await self.open()
        await self.close()
        return missing

    async def write(self, collection: Collection, records: Sequence[Record], *, verdicts: bool = False) -> WriteResult:
        """As the port says; one transaction."""
        of = self._of(collection)

        def work(connection: sqlite3.Connection) -> WriteResult:
            rows = to_rows(records)
            with transaction(connection):
                store_rows(connection, of.upsert, rows)
                return WriteResult(
                    applied=len(rows),
                    verdicts=read_back(connection, of, rows) if verdicts else None,
                    buried=buried(connection, collection, rows),
                )

        return await self._database.run(work)

    async def write_conditional(self, collection: Collection, writes: Sequence[ConditionalWrite]) -> Sequence[Verdict]:
        """As the port says. What is not stored has revision 0."""
        of = self._of(collection)

        def work(connection: sqlite3.Connection) -> list[Verdict]:
            rows = to_rows(write.record for write in writes)
            with transaction(connection):
                verdicts, places = judge(connection, collection, of, writes)
                with placed(places):
                    store_rows(connection, of.upsert, [rows[place] for place in places])
                note(connection, collection, [writes[place].record.revision for place in places])
            return verdicts

        return await self._database.run(work)

    async def read(self, collection: Collection, key: str) -> Record | None:
        """As the port says."""
        statement = self._of(collection).read
        row = await self._keys.run(lambda connection: connection.execute(statement, (key,)).fetchone())
        return None if row is None else to_record(row)

    async def query(self, collection: Collection, query: Query) -> QueryResult:
        """As the port says; page and count come from one snapshot."""
        check_query(collection, query)
        statement = queries.page(collection, SQLITE, self._of(collection), query)

        def work(connection: sqlite3.Connection) -> tuple[Sequence[Row], int | None, bool]:
            with transaction(connection, "BEGIN"):
                rows = whole_page(filled(connection, statement, Portion(query.limit + 1, PAGE_CHARACTERS)))
                return rows, *count_matching(connection, collection, query.filter, query.count)

        try:
            rows, total, exact = await self._lists.run(work)
        except QueryTimeout as timeout:
            advice = queries.index_advice(collection, query)
            raise QueryTimeout(f"No answer within {self._deadline:g} s. {advice}") from timeout
        items = tuple(map(to_record, rows[: query.limit]))
        return QueryResult(items=items, total=total, total_exact=exact, more=len(rows) > query.limit)

    async def delete(self, collection: Collection, key: str) -> None:
        """As the port says."""
        statement = self._of(collection).delete
        await self._database.run(lambda connection: connection.execute(statement, (key,)).rowcount)

    async def rewrite(self, collection: Collection, records: Sequence[Record]) -> int:
        """As the ability says."""
        statement = self._of(collection).rewrite
        if not statement:
            return 0

        def work(connection: sqlite3.Connection) -> int:
            rows = [rewriting(collection, row) for row in to_rows(records)]
            with transaction(connection):
                before = connection.total_changes
                store_rows(connection, statement, rows)
                return connection.total_changes - before

        return await self._database.run(work)

    async def count_by(self, collection: Collection, field: str, where: Filter) -> Mapping[str, int]:
        """As the ability says."""
        check_filter(collection, where)
        instant = declared(collection, field).type is FieldType.INSTANT
        text, parameters = queries.count_by(collection, SQLITE, field, where)
        rows = await self._lists.run(lambda connection: connection.execute(text, parameters).fetchall())
        texts = (
            (to_datetime(value).isoformat() if instant else str(value), n) for value, n in rows if value is not None
        )
        return dict(texts)

    async def expire(self, collection: Collection, before: datetime, limit: int) -> int:
        """As the ability says; one transaction."""

        def work(connection: sqlite3.Connection) -> int:
            found = queries.old(collection, SQLITE, before, at_most=limit)
            with transaction(connection):
                keys = [key for (key,) in connection.execute(found.text, found.parameters)]
                removal = queries.removal(collection, SQLITE, keys, before)
                return connection.execute(removal.text, removal.parameters).rowcount if keys else 0

        return await self._database.run(work)

    async def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """As the ability says; each portion is a snapshot of its own, so that no reader holds the log."""
        check_filter(collection, where)
        query = Query(filter=where, sort=(Sort(collection.key),), limit=PORTION_RECORDS)
        more = True
        while more:
            records, more = await self._portion(queries.page(collection, SQLITE, self._of(collection), query))
            if records:
                yield records
                query = msgspec.structs.replace(query, after=(records[-1].key,))

    async def dump(
        self, collection: Collection, *, after: str | None = None, among: Sequence[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """As the ability says; each portion is a snapshot of its own."""
        more = True
        while more:
            statement = queries.everything(collection, SQLITE, self._of(collection), after, among)
            records, more = await self._portion(statement)
            if records:
                yield records
                after = records[-1].key

    async def _portion(self, statement: Prepared) -> tuple[Sequence[Record], bool]:
        """The records of a portion, and whether there are more."""
        portion = await self._lists.run(partial(filled, statement=statement, portion=Portion()))
        return tuple(map(to_record, portion.rows)), portion.cut

    async def health_check(self) -> HealthStatus:
        """Whether the file answers, on the writing side and on the reading side."""
        begun = time.monotonic()
        probe = "SELECT count(*) FROM schema_migrations"
        try:
            async with asyncio.timeout(self._deadline):
                await self._database.run(lambda connection: connection.execute(probe).fetchone())
                await self._keys.run(lambda connection: connection.execute(probe).fetchone())
        except (BackendError, QueryTimeout) as error:
            return HealthStatus(healthy=False, detail=error.detail, latency_seconds=time.monotonic() - begun)
        except TimeoutError:
            detail = f"No answer within {self._deadline:g} s."
            return HealthStatus(healthy=False, detail=detail, latency_seconds=time.monotonic() - begun)
        detail = f"SQLite {sqlite3.sqlite_version}"
        return HealthStatus(healthy=True, detail=detail, latency_seconds=time.monotonic() - begun)

    async def probe(self) -> Outlook:
        """Whether the file is a database that can be written, or can be made."""
        return await asyncio.to_thread(look, self._path)

    def _of(self, collection: Collection) -> Statements:
        try:
            return self._statements[collection.name]
        except KeyError:
            raise SchemaMismatch(f"The backend has no table for {collection.name}.") from None

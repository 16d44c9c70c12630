"""A search index in a file of its own, beside whatever backend keeps the records."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from adapters.sql.rows import to_rows
from adapters.sql.statements import statements
from adapters.sqlite import full_text
from adapters.sqlite.bulk import store_rows
from adapters.sqlite.connections import Connections, ConnectionSettings, transaction
from adapters.sqlite.database import Database
from adapters.sqlite.dialect import SQLITE
from domain.errors import BackendCorrupt, BackendError, QueryTimeout, StartFailure
from domain.model.collections import Collection
from domain.model.highlights import highlighted
from domain.model.query import check_filter
from domain.model.records import HealthStatus, Record
from domain.model.search import EXACT_HITS, Hit, IndexPosition, SearchQuery, SearchResult
from sql import migrations

_FORGET = "DELETE FROM search_positions WHERE collection = ?"
_PLACE = "INSERT OR REPLACE INTO search_positions (collection, origin, through) VALUES (?, ?, ?)"
_PLACED = "SELECT origin, through FROM search_positions WHERE collection = ? AND origin = ?"


class SqliteSearchIndex:
    """The tables of the embedded backend once more, each with an index of its words."""

    def __init__(
        self,
        path: Path,
        collections: Sequence[Collection],
        *,
        statement_deadline_seconds: float = 5.0,
        readers: int = 2,
    ) -> None:
        """``readers``: searches that run at the same time."""
        self._collections = tuple(collections)
        self._deadline = statement_deadline_seconds
        self._upserts = {each.name: statements(each, SQLITE).upsert for each in collections}
        self._database = Database(path, migrations("sqlite"), busy_seconds=statement_deadline_seconds)
        reading = ConnectionSettings(deadline_seconds=statement_deadline_seconds, read_only=True)
        self._readers = Connections(path, size=readers, settings=reading)

    async def open(self) -> None:
        """Create or open the file; what was made by other rules, or is damaged, begins anew. Raises StartFailure."""
        try:
            try:
                await self._database.open()
            except StartFailure as failure:
                if not isinstance(failure.__cause__, BackendCorrupt):
                    raise
                await asyncio.to_thread(self._remove)
                await self._database.open()
            await self._database.run(self._prepare)
            await self._readers.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what runs and release the file."""
        await self._readers.close()
        await self._database.close()

    async def position(self, collection: Collection, origin: str) -> IndexPosition | None:
        """As the port says; of one log at a time."""
        place = (collection.name, origin)
        row = await self._readers.run(lambda connection: connection.execute(_PLACED, place).fetchone())
        return None if row is None else IndexPosition(*row)

    async def clear(self, collection: Collection) -> None:
        """As the port says."""

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.execute(_FORGET, (collection.name,))
                _run(connection, full_text.emptied(collection))

        await self._database.run(work)

    async def index(
        self, collection: Collection, records: Sequence[Record], position: IndexPosition | None = None
    ) -> None:
        """As the port says; one transaction."""

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                store_rows(connection, self._upserts[collection.name], to_rows(records))
                if position is not None:
                    connection.execute(_PLACE, (collection.name, position.origin, position.through))

        await self._database.run(work)

    async def search(self, collection: Collection, query: SearchQuery) -> SearchResult:
        """As the port says; all of it from one snapshot."""
        check_filter(collection, query.filter)
        found = full_text.Found(collection, query)

        def work(connection: sqlite3.Connection) -> SearchResult:
            with transaction(connection, "BEGIN"):
                hits = [_hit(collection, query, row) for row in connection.execute(*found.page())]
                (total,) = connection.execute(*found.total()).fetchone()
                facets = {name: dict(connection.execute(*found.facet(name)).fetchall()) for name in query.facets}
            exact = total <= EXACT_HITS
            return SearchResult(
                hits=tuple(hits[: query.limit]),
                total=min(total, EXACT_HITS),
                total_exact=exact,
                more=len(hits) > query.limit,
                facets=facets,
            )

        try:
            return await self._readers.run(work)
        except QueryTimeout as timeout:
            raise QueryTimeout(
                f"No answer within {self._deadline:g} s. Look for longer words, or more of them."
            ) from timeout

    async def health_check(self) -> HealthStatus:
        """Whether the file answers."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._deadline):
                await self._readers.run(lambda connection: connection.execute(_PLACED, ("", "")).fetchone())
            healthy, detail = True, f"SQLite {sqlite3.sqlite_version}, FTS5"
        except (BackendError, QueryTimeout) as error:
            healthy, detail = False, error.detail
        except TimeoutError:
            healthy, detail = False, f"No answer within {self._deadline:g} s."
        return HealthStatus(healthy=healthy, detail=detail, latency_seconds=time.monotonic() - begun)

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._database.path}{ending}").unlink(missing_ok=True)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        wanted = full_text.fingerprint(self._collections)
        (made,) = connection.execute("PRAGMA user_version").fetchone()
        if made == wanted:
            return
        with transaction(connection):
            for collection in self._collections:
                _run(connection, full_text.unmade(collection))
            _run(connection, full_text.schema(self._collections))
            for collection in self._collections:
                if collection.searchable:
                    _run(connection, full_text.emptied(collection))
            connection.execute("DELETE FROM search_positions")
            connection.execute(f"PRAGMA user_version = {wanted}")


def _run(connection: sqlite3.Connection, texts: Iterable[str]) -> None:
    for text in texts:
        connection.execute(text)


def _hit(collection: Collection, query: SearchQuery, row: tuple[str, float, *tuple[str | None, ...]]) -> Hit:
    key, rank, *texts = row
    shown = {}
    for field, text in zip(collection.searchable, texts, strict=True) if query.highlight else ():
        if text and (part := highlighted(text, query.words)):
            shown[field.name] = part
    return Hit(key=key, score=0.0 - rank, highlights=shown)

"""Records in one JSON file, replaced as a whole by each write."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from domain.errors import BackendExhausted, BackendUnavailable, DataFolderUnusable
from domain.model.collections import Collection
from domain.model.matching import behind, matcher, ranked, reader
from domain.model.query import CountMode, Filter, Query, QueryResult, Sort, check_filter, check_query, declared
from domain.model.records import ConditionalWrite, HealthStatus, Record, Verdict, WriteResult, greater
from ports.probing import Outlook

PORTION_RECORDS = 1000
REMEMBERED = 100_000  # conditional writes of a collection

T = TypeVar("T")
Table = dict[str, Record]  # by key
Revisions = list[int]  # of writes with a base that were stored, the latest last


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in the file, by the name of the collection."""

    tables: dict[str, Table]
    conditional: dict[str, Revisions]


class JsonFileBackend:
    """One thread writes; readers see the last state that is on disk.

    Abilities: conditional writes, counting, scanning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = Kept({}, {})
        self._writer: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Read the file, and write it back to see that this can be done. Raises DataFolderUnusable."""
        if self._writer is None:
            self._kept = await asyncio.to_thread(self._load)
            await asyncio.to_thread(self._prove)
            self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jsonfile")

    async def close(self) -> None:
        """Finish what runs."""
        if self._writer is not None:
            await asyncio.to_thread(self._writer.shutdown)
            self._writer = None

    async def write(self, collection: Collection, records: Sequence[Record], *, verdicts: bool = False) -> WriteResult:
        """As the port says: the whole file is the transaction."""

        def store(table: Table, _: Revisions) -> WriteResult:
            pairs = [(record, _store(table, record)) for record in records]
            found = tuple(
                Verdict.STALE if winner.version > record.version else Verdict.STORED for record, winner in pairs
            )
            buried = tuple(
                winner.key for record, winner in pairs if winner.deleted_at and winner.version > record.version
            )
            return WriteResult(applied=len(records), verdicts=found if verdicts else None, buried=buried)

        return await self._transaction(collection, store)

    async def read(self, collection: Collection, key: str) -> Record | None:
        """As the port says."""
        return self._table(collection).get(key)

    async def query(self, collection: Collection, query: Query) -> QueryResult:
        """As the port says; every count is exact."""
        check_query(collection, query)
        found = list(self._visible(collection, query.filter))
        rest = found if query.after is None else filter(behind(collection, query.sort, query.after), found)
        page = ranked(collection, query.sort, rest)[query.offset :]
        total = None if query.count is CountMode.NONE else len(found)
        items = tuple(page[: query.limit])
        return QueryResult(items=items, total=total, total_exact=total is not None, more=len(page) > query.limit)

    async def delete(self, collection: Collection, key: str) -> None:
        """As the port says."""
        await self._transaction(collection, lambda table, _: table.pop(key, None))

    async def health_check(self) -> HealthStatus:
        """Whether the file's folder still takes a file."""
        begun = time.monotonic()
        folder = self._path.parent
        healthy = self._writer is not None and await asyncio.to_thread(os.access, folder, os.W_OK | os.X_OK)
        detail = f"{self._path}" if healthy else f"{folder} cannot be written, or the backend is closed."
        return HealthStatus(healthy=healthy, detail=detail, latency_seconds=time.monotonic() - begun)

    async def probe(self) -> Outlook:
        """What is in the file; called by ``persistence check`` instead of ``open``."""
        kept = await asyncio.to_thread(self._load)
        return Outlook(f"{self._path}, {sum(map(len, kept.tables.values()))} records")

    async def write_conditional(self, collection: Collection, writes: Sequence[ConditionalWrite]) -> Sequence[Verdict]:
        """As the ability says; what is not stored has revision 0."""

        def store(table: Table, before: Revisions) -> list[Verdict]:
            known = set(before)
            fresh = [write for write in writes if write.record.revision not in known]
            judged = {write.record.revision: _judge(table.get(write.record.key), write) for write in fresh}
            for write in fresh:
                if judged[write.record.revision] is Verdict.STORED:
                    _store(table, write.record)
                    before.append(write.record.revision)
            return [judged.get(write.record.revision, Verdict.STORED) for write in writes]

        return await self._transaction(collection, store)

    async def count_by(self, collection: Collection, field: str, where: Filter) -> Mapping[str, int]:
        """As the ability says."""
        check_filter(collection, where)
        read = reader(collection, declared(collection, field).name)
        values = (read(record) for record in self._visible(collection, where))
        return Counter(v.isoformat() if isinstance(v, datetime) else str(v) for v in values if v is not None)

    async def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """As the ability says."""
        check_filter(collection, where)
        records = ranked(collection, (Sort(collection.key),), self._visible(collection, where))
        for begin in range(0, len(records), PORTION_RECORDS):
            yield records[begin : begin + PORTION_RECORDS]

    def _table(self, collection: Collection) -> Table:
        return self._kept.tables.get(collection.name, {})

    def _visible(self, collection: Collection, where: Filter) -> Iterable[Record]:
        matches = matcher(collection, where)
        return (record for record in self._table(collection).values() if record.deleted_at is None and matches(record))

    async def _transaction(self, collection: Collection, change: Callable[[Table, Revisions], T]) -> T:
        """Change a copy of a table, write it, and only then show it. Who stops waiting does not stop it half-way."""
        if self._writer is None:
            raise BackendUnavailable(f"{self._path} is not open.")
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._commit, collection.name, change)

    def _commit(self, name: str, change: Callable[[Table, Revisions], T]) -> T:
        table, before = dict(self._kept.tables.get(name, {})), list(self._kept.conditional.get(name, []))
        result = change(table, before)
        kept = Kept({**self._kept.tables, name: table}, {**self._kept.conditional, name: before[-REMEMBERED:]})
        try:
            self._replace(msgspec.json.encode(kept))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            kind = BackendExhausted if full else BackendUnavailable
            raise kind(f"{self._path} cannot be written: {error.strerror}.") from error
        self._kept = kept
        return result

    def _replace(self, content: bytes) -> None:
        """The new file beside the old one, on disk before it takes its place: a crash leaves one of the two, whole."""
        part = self._path.with_name(self._path.name + ".part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _prove(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._replace(msgspec.json.encode(self._kept))
        except OSError as error:
            raise DataFolderUnusable(f"{self._path} cannot be written: {error.strerror}.") from error

    def _load(self) -> Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return Kept({}, {})
        except OSError as error:
            raise DataFolderUnusable(f"{self._path} cannot be read: {error.strerror}.") from error
        except msgspec.MsgspecError as error:
            raise DataFolderUnusable(f"{self._path} holds something else than records: {error}.") from error


def _store(table: Table, record: Record) -> Record:
    stored = table.get(record.key)
    table[record.key] = record if stored is None else greater(stored, record)
    return table[record.key]


def _judge(stored: Record | None, write: ConditionalWrite) -> Verdict:
    if stored is not None and stored.version == write.record.version:
        return Verdict.STORED
    if write.base_revision != (stored.revision if stored else 0):
        return Verdict.CONFLICT
    return Verdict.STORED if stored is None or stored.version < write.record.version else Verdict.STALE

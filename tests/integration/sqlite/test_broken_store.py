"""Every way in which the file can fail its backend: each method says so, and nothing is half-written."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from adapters.sqlite.backend import SqliteBackend
from domain.errors import (
    BackendContended,
    BackendCorrupt,
    BackendExhausted,
    BackendUnavailable,
    RecordRefused,
    SchemaMismatch,
    StartFailure,
)
from domain.model.built_in import BUILT_IN
from domain.model.query import EVERYTHING, Query, Sort
from domain.model.records import ConditionalWrite, WriteResult
from domain.model.translation import TASKS
from persistence_contract.records import record


async def scan(backend: SqliteBackend) -> None:
    async for _ in backend.scan(TASKS, EVERYTHING):
        pass


METHODS = {
    "write": lambda backend: backend.write(TASKS, [record("a", 5, 5)]),
    "write_with_verdicts": lambda backend: backend.write(TASKS, [record("a", 5, 5)], verdicts=True),
    "write_conditional": lambda backend: backend.write_conditional(TASKS, [ConditionalWrite(record("a", 5, 5), 1)]),
    "read": lambda backend: backend.read(TASKS, "a"),
    "query": lambda backend: backend.query(TASKS, Query(sort=(Sort("task_id"),))),
    "delete": lambda backend: backend.delete(TASKS, "a"),
    "count_by": lambda backend: backend.count_by(TASKS, "status", EVERYTHING),
    "scan": scan,
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
WRITES = {name: METHODS[name] for name in ("write", "write_with_verdicts", "write_conditional", "delete")}


@each_method
async def test_a_closed_backend_is_unavailable(path, method):
    backend = SqliteBackend(path, BUILT_IN)
    with pytest.raises(BackendUnavailable, match="not open"):
        await method(backend)
    await backend.open()
    await backend.close()
    await backend.close()

    with pytest.raises(BackendUnavailable, match="not open"):
        await method(backend)


@each_method
async def test_a_missing_table_is_a_schema_mismatch(backend, path, method):
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE translation_tasks")
    other.close()

    with pytest.raises(SchemaMismatch, match="translation_tasks"):
        await method(backend)


@each_method
async def test_a_missing_column_is_a_schema_mismatch_and_never_a_text(backend, path, method):
    await backend.write(TASKS, [record("a")])
    with sqlite3.connect(path) as other:
        for name in ("session_id_status", "status_updated_at"):
            other.execute(f"DROP INDEX translation_tasks_{name}")
        other.execute("ALTER TABLE translation_tasks RENAME COLUMN status TO state")
    other.close()

    if method is METHODS["delete"]:
        assert await method(backend) is None
    else:
        with pytest.raises(SchemaMismatch, match="status"):
            await method(backend)


@each_method
async def test_damaged_pages_are_reported_as_damage(path, method):
    first = SqliteBackend(path, BUILT_IN)
    await first.open()
    await first.write(TASKS, [record("a")])
    await first.close()
    damage(path)
    backend = SqliteBackend(path, BUILT_IN)
    await backend.open()
    try:
        with pytest.raises(BackendCorrupt):
            await method(backend)
    finally:
        await backend.close()


def damage(path: Path) -> None:
    """Overwrite the root page of each of the table's trees, which leaves the file's header and catalogue whole."""
    connection = sqlite3.connect(path)
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    roots = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'translation_tasks'").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("r+b") as file:
        for (root,) in roots:
            file.seek((root - 1) * size)
            file.write(b"\xff" * size)


@pytest.mark.parametrize("method", WRITES.values(), ids=WRITES)
async def test_a_file_that_was_replaced_is_not_written_into_the_void(backend, path, method):
    path.rename(path.with_suffix(".moved"))
    with pytest.raises(BackendUnavailable, match="moved, replaced or removed"):
        await method(backend)

    path.write_bytes(b"")
    with pytest.raises(BackendUnavailable, match="moved, replaced or removed"):
        await method(backend)
    assert not (await backend.health_check()).healthy


@pytest.mark.parametrize("method", WRITES.values(), ids=WRITES)
async def test_a_file_that_another_process_holds_is_contended(path, method):
    backend = SqliteBackend(path, BUILT_IN, statement_deadline_seconds=0.05)
    await backend.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(BackendContended, match="locked"):
            await method(backend)
        other.execute("ROLLBACK")
        await method(backend)
    finally:
        other.close()
        await backend.close()


async def test_reads_go_on_while_another_process_writes(backend, path):
    await backend.write(TASKS, [record("a")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert await backend.read(TASKS, "a") == record("a")
    other.close()


async def test_a_full_disk_is_exhaustion_and_leaves_no_half_batch(backend):
    def limit(pages: int | None):
        def work(connection: sqlite3.Connection) -> None:
            (now,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {now + pages if pages is not None else 2**31}")

        return work

    await backend.write(TASKS, [record("a")])
    await backend._database.run(limit(3))
    big = [record(f"k{n:03}", revision=n, source_text="x" * 5000) for n in range(100)]
    for _ in range(2):  # the connection is clean after it: the second time fails in the same way
        with pytest.raises(BackendExhausted, match="full"):
            await backend.write(TASKS, big)
    assert await backend.read(TASKS, "k000") is None

    await backend._database.run(limit(None))
    assert (await backend.write(TASKS, big)).applied == 100
    assert await backend.read(TASKS, "k099") == big[99]


@pytest.mark.parametrize(
    "bad",
    [
        record("b", status=None),  # NOT NULL
        record("b", priority=2**64),
        record("b", source_text="\ud800"),
        record("b", source_text=object()),
    ],
    ids=["null", "number", "surrogate", "object"],
)
async def test_a_record_that_cannot_be_held_is_refused_and_its_batch_is_whole_or_absent(backend, bad):
    with pytest.raises(RecordRefused) as refusal:
        await backend.write(TASKS, [record("a"), bad, record("c")])

    assert refusal.value.index == 1
    assert refusal.value.__cause__ is not None
    assert await backend.read(TASKS, "a") is None
    assert (await backend.write(TASKS, [record("a"), record("c")])).applied == 2


async def test_a_collection_without_a_table_is_a_schema_mismatch(path):
    backend = SqliteBackend(path, [])
    await backend.open()
    with pytest.raises(SchemaMismatch, match="translation_tasks"):
        await backend.read(TASKS, "a")
    await backend.close()


async def test_health_tells_the_version_or_the_reason(path):
    backend = SqliteBackend(path, BUILT_IN)
    await backend.open()
    assert (await backend.health_check()).detail == f"SQLite {sqlite3.sqlite_version}"
    await backend.close()

    status = await backend.health_check()
    assert not status.healthy
    assert "not open" in status.detail


@pytest.mark.parametrize("content", [b"this is not a database, it is a letter. " * 200, b"\xff" * 8192])
async def test_a_file_that_is_no_database_is_refused_at_the_start(path, content):
    path.write_bytes(content)

    with pytest.raises(StartFailure, match=r"store\.db cannot be opened.*not a database"):
        await SqliteBackend(path, BUILT_IN).open()
    assert path.read_bytes() == content


async def test_a_folder_that_is_not_there_is_unusable(tmp_path):
    with pytest.raises(StartFailure, match=r"there is no folder .*nowhere"):
        await SqliteBackend(tmp_path / "nowhere" / "store.db", BUILT_IN).open()


async def test_an_opened_backend_finds_what_was_written_before(path):
    for revision in (1, 2, 3):
        backend = SqliteBackend(path, BUILT_IN)
        await backend.open()
        await backend.open()
        found = await backend.read(TASKS, "a")
        assert revision == 1 or found.revision == revision - 1
        await backend.write(TASKS, [record("a", revision, revision)])
        await backend.close()


async def test_closing_waits_for_the_write_that_runs(path):
    backend = SqliteBackend(path, BUILT_IN)
    await backend.open()
    writing = asyncio.create_task(backend.write(TASKS, [record(f"k{n:03}", revision=n) for n in range(1000)]))
    await asyncio.sleep(0)
    await backend.close()

    (answer,) = await asyncio.gather(writing, return_exceptions=True)
    assert isinstance(answer, WriteResult | BackendUnavailable)
    reopened = SqliteBackend(path, BUILT_IN)
    await reopened.open()
    found = await reopened.query(TASKS, Query(sort=(Sort("task_id"),), limit=1000))
    assert len(found.items) == (1000 if isinstance(answer, WriteResult) else 0)
    await reopened.close()

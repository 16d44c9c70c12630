"""How the file is opened, how long a statement may take, and how far the log may grow."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import pytest

from adapters.sqlite import database
from adapters.sqlite.backend import SqliteBackend
from domain.errors import BackendContended, QueryTimeout
from domain.model.built_in import BUILT_IN
from domain.model.query import EVERYTHING, And, Condition, CountMode, Not, Operator, Query, Sort, ordered
from domain.model.translation import TASKS
from persistence_contract.records import record


async def test_a_commit_is_synced_to_the_disk(backend):
    def settings(connection: sqlite3.Connection) -> tuple:
        return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))

    full = 2
    assert await backend._database.run(settings) == ("wal", full)


async def test_readers_cannot_write(backend):
    with pytest.raises(Exception, match="readonly"):
        await backend._lists.run(lambda connection: connection.execute("DELETE FROM translation_tasks"))


@pytest.fixture
async def slow(path):
    """A backend with many records, one reader and little time."""
    loading = SqliteBackend(path, BUILT_IN)
    await loading.open()
    for start in range(0, 20_000, 1000):
        numbers = range(start, start + 1000)
        await loading.write(TASKS, [record(f"k{n:05}", revision=n + 1, source_text="z " * 200) for n in numbers])
    await loading.close()
    adapter = SqliteBackend(path, BUILT_IN, statement_deadline_seconds=0.2, readers=1)
    await adapter.open()
    yield adapter
    await adapter.close()


# two hundred searches in each of 20,000 texts: seconds of work, whatever the machine
HEAVY = And(
    (
        Condition("target_lang", Operator.EQ, ("de",)),
        *(Not(Condition("source_text", Operator.CONTAINS, (f"zz{n}",))) for n in range(198)),
    )
)


async def test_a_statement_beyond_its_deadline_names_the_missing_index_and_leaves_the_connection_clean(slow):
    query = Query(filter=HEAVY, sort=ordered(TASKS, Sort("priority")), limit=1000, count=CountMode.EXACT)
    for _ in range(3):
        with pytest.raises(QueryTimeout, match=r"index on translation_tasks \(target_lang, priority\) is missing"):
            await slow.query(TASKS, query)

    assert (await slow.query(TASKS, Query(sort=(Sort("task_id"),), limit=1, count=CountMode.NONE))).more
    assert (await slow.read(TASKS, "k00001")).revision == 2


async def test_counts_and_scans_have_the_deadline_too(slow):
    with pytest.raises(QueryTimeout):
        await slow.count_by(TASKS, "target_lang", HEAVY)
    with pytest.raises(QueryTimeout):
        async for _ in slow.scan(TASKS, And((HEAVY, Condition("priority", Operator.EQ, (1,))))):
            pass


async def test_who_waits_too_long_for_a_free_reader_is_told_so(slow):
    holding = asyncio.create_task(slow._lists.run(lambda connection: time.sleep(0.5)))
    await asyncio.sleep(0)
    with pytest.raises(BackendContended, match="busy for too long"):
        await slow.query(TASKS, Query(sort=(Sort("task_id"),)))
    await holding


async def test_a_cancelled_query_frees_its_reader(path, slow):
    await slow.close()
    patient = SqliteBackend(path, BUILT_IN, statement_deadline_seconds=60, readers=1)
    await patient.open()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    try:
        running = asyncio.create_task(patient._lists.run(lambda connection: connection.execute(endless).fetchone()))
        await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await patient.query(TASKS, Query(sort=(Sort("task_id"),), count=CountMode.EXACT))).total == 20_000
    finally:
        await patient.close()


async def test_the_log_is_bounded_though_readers_hold_it(path, monkeypatch):
    limit = 1024 * 1024
    monkeypatch.setattr(database, "_LOG_LIMIT", limit)
    backend = SqliteBackend(path, BUILT_IN, statement_deadline_seconds=0.05)
    await backend.open()
    log = path.with_name("store.db-wal")

    async def load(mark: str) -> int:
        largest = 0
        for n in range(12):
            await backend.write(TASKS, [record(f"{mark}{n}{i:03}", source_text="x" * 1000) for i in range(200)])
            largest = max(largest, log.stat().st_size)
        return largest

    assert await load("a") < 3 * limit
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM translation_tasks").fetchone()
    assert await load("b") > 3 * limit  # writes go on, the log waits
    reader.execute("COMMIT")
    reader.close()
    await load("c")
    assert log.stat().st_size < 3 * limit
    await backend.close()


async def test_an_estimate_and_a_page_come_from_one_snapshot(backend):
    await backend.write(TASKS, [record("a")])
    answer = await backend.query(TASKS, Query(filter=EVERYTHING, sort=(Sort("task_id"),)))

    assert (answer.total, answer.total_exact, len(answer.items)) == (1, True, 1)


async def test_backends_that_open_a_new_file_at_once_migrate_it_once(path):
    backends = [SqliteBackend(path, BUILT_IN) for _ in range(4)]
    await asyncio.gather(*(one.open() for one in backends))
    try:
        await asyncio.gather(*(one.write(TASKS, [record("a", n, n)]) for n, one in enumerate(backends, start=1)))
        assert [(await one.read(TASKS, "a")).revision for one in backends] == [4, 4, 4, 4]
    finally:
        for one in backends:
            await one.close()

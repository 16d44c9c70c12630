"""Batches of rows in one statement, on the real engine."""

from __future__ import annotations

import asyncio
import random

import pytest

from adapters.postgres import bulk
from adapters.sql.rows import to_rows
from domain.errors import BackendContended, RecordRefused, SchemaMismatch
from domain.model.query import Query, Sort
from domain.model.records import ConditionalWrite
from domain.model.translation import SESSIONS, TASKS
from persistence_contract.records import record

BY_KEY = (Sort("task_id"),)


@pytest.fixture(scope="module")
def database(postgres):
    with postgres.database() as database:
        yield database


@pytest.fixture
async def backend(build):
    adapter = build()
    await adapter.migrate()
    await adapter.open()
    async with adapter._pool.acquire(10) as connection:
        await connection.execute("DELETE FROM translation_tasks")
    yield adapter
    await adapter.close()


async def keys(backend) -> list[str]:
    return [one.key for one in (await backend.query(TASKS, Query(sort=BY_KEY, limit=1000))).items]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (record("b", status=None), "`status`: it is null"),
        (record("b", priority=2**31), "`priority`: the number is too large"),
        (record("b", priority="1"), "`priority`: it is of the type str"),
        (record("b", revision=2**63), "`revision`: the number is too large"),
        (record("b", source_text="a\0"), "`source_text`: it has a NUL character"),
        (record("b", source_text="\ud800"), "`source_text`: it has a lone surrogate"),
        (record("b", source_text=object()), "`source_text`: it is of the type object"),
        (record("b", source_text=7), "`source_text`: it is of the type int"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
async def test_a_record_that_cannot_be_held_is_named_and_its_batch_is_whole_or_absent(backend, bad, said):
    with pytest.raises(RecordRefused) as refusal:
        await backend.write(TASKS, [record("a"), bad, record("c")])

    assert refusal.value.index == 1
    assert refusal.value.detail == f"PostgreSQL cannot hold {said}."
    assert await keys(backend) == []
    assert (await backend.write(TASKS, [record("a"), record("c")])).applied == 2


async def test_a_rule_of_the_databases_owner_refuses_a_record_without_telling_which(backend):
    async with backend._pool.acquire(10) as connection:
        await connection.execute("ALTER TABLE translation_tasks ADD CONSTRAINT odd CHECK (priority <> 13)")
    try:
        with pytest.raises(RecordRefused, match="odd") as refusal:
            await backend.write(TASKS, [record("a"), record("b", priority=13)])
        assert refusal.value.index is None
        with pytest.raises(RecordRefused, match="odd"):
            await backend.write_conditional(TASKS, [ConditionalWrite(record("b", priority=13), 0)])
    finally:
        async with backend._pool.acquire(10) as connection:
            await connection.execute("ALTER TABLE translation_tasks DROP CONSTRAINT odd")
    assert await keys(backend) == []


def test_rows_are_divided_by_number_and_by_size():
    small = to_rows([record(f"k{number:04}") for number in range(2500)])
    assert [len(portion) for portion in bulk.portions(small)] == [1000, 1000, 500]
    large = to_rows([record(f"k{number}", source_text="x" * 6_000_000) for number in range(7)])
    assert [len(portion) for portion in bulk.portions(large)] == [3, 3, 1]
    assert [row for portion in bulk.portions(large) for row in portion] == large
    assert list(bulk.portions([])) == []


async def test_a_batch_of_several_statements_is_whole_or_absent(backend):
    records = [record(f"k{number}", revision=number, source_text="x" * 500_000) for number in range(60)]
    with pytest.raises(RecordRefused) as refusal:
        await backend.write(TASKS, [*records, record("z", status=None)])
    assert refusal.value.index == 60
    assert await keys(backend) == []

    assert (await backend.write(TASKS, sorted(records, key=lambda one: one.key))).applied == 60
    assert await backend.read(TASKS, "k59") == records[59]


async def test_concurrent_batches_of_the_same_keys_never_wait_for_each_other_in_a_circle(backend):
    chance = random.Random(9)

    async def write(writer: int) -> None:
        for turn in range(15):
            chosen = sorted(chance.sample(range(400), 100))
            version = turn * 100 + writer
            await backend.write(TASKS, [record(f"k{number:03}", version, version) for number in chosen])

    outcomes = await asyncio.gather(*(write(writer) for writer in range(8)), return_exceptions=True)
    assert [one for one in outcomes if isinstance(one, BackendContended)] == []
    assert outcomes == [None] * 8


async def test_a_collection_without_a_table_is_a_schema_mismatch(build):
    adapter = build(collections=())
    await adapter.open()
    async with adapter._pool.acquire(10) as connection:
        await connection.execute("ALTER TABLE translation_sessions RENAME TO away")
    try:
        session = record("s", collection=SESSIONS, status="pending", source_lang="en", target_lang="de")
        with pytest.raises(SchemaMismatch, match="translation_sessions"):
            await adapter.write(SESSIONS, [session])
    finally:
        async with adapter._pool.acquire(10) as connection:
            await connection.execute("ALTER TABLE away RENAME TO translation_sessions")
        await adapter.close()

"""The migrations, the schema for reading and the declared collections say the same, on the real engine."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest

import sql
from adapters.postgres.dialect import TYPES
from adapters.postgres.engine import PostgresEngine
from adapters.postgres.pool import PostgresPool
from adapters.sql.migrations import Migrations
from adapters.sql.pool import PoolLimits
from adapters.sql.statements import column_fields
from domain.errors import BackendContended, StartFailure
from domain.model.built_in import STORED

COLUMNS = """
SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, collation_name::text
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations'
ORDER BY table_name, ordinal_position
"""
INDEXES = """
SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'schema_migrations'
ORDER BY indexname
"""
STEPS = sql.migrations("postgres")
LIMITS = PoolLimits(ready=1, most=3)


async def described(pool) -> tuple[list, list]:
    async with pool.acquire(5) as connection:
        return await connection.fetch(COLUMNS), await connection.fetch(INDEXES)


async def test_the_schema_is_the_sum_of_the_migrations(backend, postgres, server):
    with postgres.database() as other:
        changes = {"database": other.name, "user": other.user}
        pool = PostgresPool(msgspec.structs.replace(server, **changes), None, LIMITS)
        await pool.open()
        async with pool.acquire(30) as connection:
            await connection.execute(sql.schema("postgres"))
        whole = await described(pool)
        await pool.close()

    assert whole == await described(backend._pool)
    assert len(whole[1]) == len(STEPS)  # each is an index, or a table with its key's


def test_each_migration_is_one_statement_with_its_phase_in_its_name():
    for number, step in enumerate(STEPS, start=1):
        assert re.fullmatch(rf"{number:04}_(expand|contract)_[a-z0-9_]+\.sql", step.name)
        assert step.statement.count(";") == 1 or step.statement.rstrip().endswith(";")
        assert re.match(r"(CREATE|ALTER|DROP) ", step.statement)


async def test_the_tables_are_those_of_the_declared_collections(backend):
    columns, _ = await described(backend._pool)
    for collection in STORED:
        found = {name: rest for table, name, *rest in columns if table == collection.name}
        assert found == {
            field.name: [
                TYPES[field.type],
                "YES" if field.nullable else "NO",
                "C" if TYPES[field.type] == "text" else None,
            ]
            for field in column_fields(collection)
        }


async def test_the_indexes_are_the_declared_ones_each_ending_with_the_key_and_one_for_tombstones(backend):
    _, indexes = await described(backend._pool)
    for collection in STORED:
        found = {
            re.sub(r" NULLS FIRST", "", definition.partition(" USING btree ")[2])
            for name, definition in indexes
            if name.startswith(collection.name)
        }
        key = collection.key
        declared = {
            f"({', '.join(index.fields)})"
            if index.unique
            else f"({', '.join((*index.fields, key))}) WHERE (deleted_at IS NULL)"
            for index in collection.indexes
        }
        tombstones = f"({key}) INCLUDE (updated_at, revision, deleted_at) WHERE (deleted_at IS NOT NULL)"
        assert found == {*declared, tombstones, f"({key})"}


async def test_where_an_index_begins_with_a_field_that_takes_null_null_comes_first(backend):
    _, indexes = await described(backend._pool)
    for collection in STORED:
        for index in collection.indexes:
            first = index.fields[0]
            (definition,) = [text for name, text in indexes if name == "_".join((collection.name, *index.fields))]
            assert (f"({first} NULLS FIRST" in definition) is collection.by_name[first].nullable


def migrations(pool, steps=STEPS) -> Migrations:
    return Migrations(pool, PostgresEngine(pool), steps)


@pytest.fixture
def closed(server):
    return PostgresPool(server, None, LIMITS)


async def test_migrations_are_applied_once_and_the_rest_later(closed):
    assert not any(step.applied for step in await migrations(closed).steps())
    assert list(await migrations(closed, STEPS[:3]).migrate()) == [step.name for step in STEPS[:3]]
    assert [step.applied for step in await migrations(closed).steps()] == [True] * 3 + [False] * (len(STEPS) - 3)
    assert list(await migrations(closed).migrate()) == [step.name for step in STEPS[3:]]
    assert list(await migrations(closed).migrate()) == []


async def test_several_processes_migrate_one_after_the_other(server):
    pools = [PostgresPool(server, None, LIMITS) for _ in range(3)]
    applied = await asyncio.gather(*(migrations(pool).migrate() for pool in pools))

    assert sorted(len(names) for names in applied) == [0, 0, len(STEPS)]


async def test_a_migration_that_fails_leaves_nothing_of_itself_and_goes_on_when_mended(closed):
    bad = sql.Migration(number=2, name="0002_expand_x.sql", statement="CREATE x")
    with pytest.raises(StartFailure, match=r"0002_expand_x\.sql failed and can be tried again"):
        await migrations(closed, (STEPS[0], bad)).migrate()

    assert list(await migrations(closed).migrate()) == [step.name for step in STEPS[1:]]


async def test_a_process_that_migrates_for_long_is_contention_for_the_next(pool, closed):
    async with pool.acquire(30) as connection:
        await connection.fetchval(PostgresEngine.catalogue.lock)
        with pytest.raises(BackendContended, match="lock timeout"):
            await migrations(closed).migrate()
        await connection.fetchval(PostgresEngine.catalogue.unlock)
    assert len(await migrations(closed).migrate()) == len(STEPS)


async def test_a_database_of_a_newer_release_or_of_other_files_is_refused(closed):
    await migrations(closed).migrate()
    with pytest.raises(StartFailure, match=rf"newer than this release.*{STEPS[-1].name}"):
        await migrations(closed, STEPS[:-1]).steps()
    other = sql.Migration(number=1, name=STEPS[0].name, statement="CREATE TABLE x ()")
    with pytest.raises(StartFailure, match=r"another 0001_expand"):
        await migrations(closed, (other, *STEPS[1:])).migrate()

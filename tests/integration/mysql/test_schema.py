"""The schema of the real servers is the sum of the migrations, and holds what the collections declare."""

from __future__ import annotations

import asyncio
import re

import pytest

import sql
from adapters.mysql.engine import MysqlEngine
from adapters.mysql.pool import MysqlPool
from adapters.sql.migrations import Migrations
from adapters.sql.pool import PoolLimits
from domain.errors import StartFailure
from domain.model.built_in import STORED
from domain.model.collections import FieldType
from tests.integration.mysql.conftest import backend_at

STEPS = sql.migrations("mysql")
LEDGER = "SELECT name, checksum, applied_at IS NOT NULL FROM schema_migrations ORDER BY number"


async def tables(connection) -> list[str]:
    names = await connection.fetch("SHOW TABLES")
    shown = [await connection.fetchrow(f"SHOW CREATE TABLE {name}") for (name,) in names if name != "schema_migrations"]
    return [text for _, text in shown]


async def columns(connection, table: str) -> list[tuple]:
    return await connection.fetch(
        "SELECT column_name, column_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name = %s ORDER BY column_name",
        table,
    )


async def test_the_schema_is_the_sum_of_the_migrations(connection):
    for statement in sql.schema("mysql").split(";\n"):
        if statement.strip():
            await connection.execute(statement)
    whole = await tables(connection)
    for collection in STORED:
        await connection.execute(f"DROP TABLE {collection.name}")
    for step in STEPS:
        await connection.execute(step.statement)

    assert await tables(connection) == whole


def test_each_migration_is_one_statement_that_may_be_repeated():
    for step in STEPS:
        assert step.statement.count(";") == len(re.findall(r"--.*;", step.statement)) + 1
        statement = re.sub(r"^(--.*\n)+", "", step.statement)
        assert re.match(r"CREATE TABLE IF NOT EXISTS |ALTER TABLE \w+\s+MODIFY ", statement)


@pytest.mark.parametrize("collection", STORED, ids=lambda collection: collection.name)
async def test_text_compares_by_code_point_and_identifiers_are_bytes(backend, connection, collection):
    found = await connection.fetch(
        "SELECT data_type, collation_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name = %s",
        collection.name,
    )
    collation = "utf8mb4_nopad_bin" if connection.product.is_mariadb else "utf8mb4_0900_bin"
    text = {"varchar", "mediumtext"}
    integers = {"int"} if any(field.type is FieldType.INTEGER for field in collection.fields) else set()
    assert {used for kind, used in found if kind in text} == {collation}
    assert {kind for kind, used in found if used is None} == {"varbinary", "bigint"} | integers


@pytest.mark.parametrize("collection", STORED, ids=lambda collection: collection.name)
async def test_the_indexes_are_the_declared_ones_each_followed_by_key_and_deleted_at(backend, connection, collection):
    rows = await connection.fetch(
        "SELECT index_name, column_name FROM information_schema.statistics"
        " WHERE table_schema = DATABASE() AND table_name = %s ORDER BY index_name, seq_in_index",
        collection.name,
    )
    found = {name: tuple(column for of, column in rows if of == name) for name, _ in rows}

    declared = {
        f"{collection.name}_{'_'.join(index.fields)}": (
            index.fields if index.unique else (*index.fields, collection.key, "deleted_at")
        )
        for index in collection.indexes
    }
    assert found == {"PRIMARY": (collection.key,), **declared}


async def test_migrations_are_applied_once_whoever_comes_at_the_same_time(place, connection):
    applied = await asyncio.gather(*(backend_at(place).migrate() for _ in range(4)))

    assert sorted(applied, key=len) == [[], [], [], [step.name for step in STEPS]]
    assert await connection.fetch(LEDGER) == [(step.name, step.checksum, 1) for step in STEPS]
    assert [step.applied for step in await backend_at(place).steps()] == [True] * len(STEPS)


async def test_a_migration_that_was_interrupted_is_repeated(place, connection):
    backend = backend_at(place)
    await backend.migrate()
    await connection.execute("UPDATE schema_migrations SET applied_at = NULL WHERE number = 2")
    with pytest.raises(
        StartFailure, match=rf"lacks 1 of {len(STEPS)} migrations, the first is 0002.* Run: persistence migrate"
    ):
        await backend.open()

    assert await backend.migrate() == [STEPS[1].name]
    await backend.open()
    await backend.close()


async def test_a_database_of_another_release_is_refused(pool, place, connection):
    await backend_at(place).migrate()
    with pytest.raises(StartFailure, match="newer than this release"):
        await Migrations(pool, MysqlEngine(pool), STEPS[:-1]).verify(STORED)

    await connection.execute("UPDATE schema_migrations SET checksum = 'other' WHERE number = 1")
    with pytest.raises(StartFailure, match="0001_expand"):
        await backend_at(place).open()


async def test_a_migration_that_fails_is_named_and_the_next_run_goes_on_from_it(place, connection):
    bad = sql.Migration(number=3, name="0003_expand_more.sql", statement="CREATE TABLE more (x INT REFERENCES)")
    pool = MysqlPool(place, None, PoolLimits(ready=1))
    with pytest.raises(StartFailure, match=r"0003_expand_more\.sql failed and can be tried again"):
        await Migrations(pool, MysqlEngine(pool), [*STEPS, bad]).migrate()
    assert [applied for *_, applied in await connection.fetch(LEDGER)][:2] == [1, 1]

    with pytest.raises(StartFailure, match=r"0003_expand_more\.sql failed"):
        await Migrations(pool, MysqlEngine(pool), [*STEPS, bad]).migrate()
    assert await backend_at(place).migrate() == []

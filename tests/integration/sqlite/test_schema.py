"""The migrations, the schema for reading and the declared collections say the same."""

from __future__ import annotations

import re
import sqlite3

import pytest

import sql
from adapters.sqlite.backend import SqliteBackend
from adapters.sqlite.migrations import migrate
from domain.errors import StartFailure
from domain.model.built_in import STORED
from domain.model.collections import FieldType

DATABASES = ("sqlite", "state")
ALL_TABLES = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'schema_migrations' ORDER BY name"


def migrated(database: str, count: int | None = None) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, sql.migrations(database)[:count])
    return connection


@pytest.mark.parametrize("database", DATABASES)
def test_the_schema_is_the_sum_of_the_migrations(database):
    whole = sqlite3.connect(":memory:")
    whole.executescript(sql.schema(database))
    steps = migrated(database)

    assert whole.execute(ALL_TABLES).fetchall() == steps.execute(ALL_TABLES).fetchall()
    whole.close()
    steps.close()


@pytest.mark.parametrize("database", DATABASES)
def test_each_migration_is_one_statement_with_its_phase_in_its_name(database):
    for number, step in enumerate(sql.migrations(database), start=1):
        assert re.fullmatch(rf"{number:04}_(expand|contract)_[a-z0-9_]+\.sql", step.name)
        assert step.statement.count(";") == 1 or step.statement.rstrip().endswith(";")
        assert re.match(r"(CREATE|ALTER|DROP) ", step.statement)


@pytest.mark.parametrize("collection", STORED, ids=lambda collection: collection.name)
def test_the_tables_are_those_of_the_declared_collections(collection):
    connection = migrated("sqlite")
    found = {
        name: (kind, bool(required), bool(key))
        for _, name, kind, required, _, key in connection.execute(f"PRAGMA table_info({collection.name})")
    }
    numbers = (FieldType.INTEGER, FieldType.LONG, FieldType.INSTANT)
    declared = {
        field.name: ("INTEGER" if field.type in numbers else "TEXT", not field.nullable, field.name == collection.key)
        for field in collection.fields
    }
    assert found == {
        **declared,
        "revision": ("INTEGER", True, False),
        "deleted_at": ("INTEGER", False, False),
    }
    connection.close()


@pytest.mark.parametrize("collection", STORED, ids=lambda collection: collection.name)
def test_the_indexes_are_the_declared_ones_each_followed_by_key_and_deleted_at_and_one_for_tombstones(collection):
    connection = migrated("sqlite")
    names = [row[1] for row in connection.execute(f"PRAGMA index_list({collection.name})") if row[3] == "c"]
    found = {tuple(row[2] for row in connection.execute(f"PRAGMA index_info({name})")) for name in names}

    declared = {
        index.fields if index.unique else (*index.fields, collection.key, "deleted_at") for index in collection.indexes
    }
    assert found == {*declared, ("deleted_at",)}  # the last for tombstones alone
    connection.close()


def test_migrations_are_applied_once_and_the_rest_later():
    connection = migrated("sqlite", 3)

    assert migrate(connection, sql.migrations("sqlite")) == len(sql.migrations("sqlite")) - 3
    assert migrate(connection, sql.migrations("sqlite")) == 0
    connection.close()


def test_a_database_of_a_newer_release_is_refused_with_a_sentence():
    connection = migrated("sqlite")

    with pytest.raises(StartFailure, match=rf"newer than this release.*{sql.migrations('sqlite')[-1].name}"):
        migrate(connection, sql.migrations("sqlite")[:-1])
    connection.close()


def test_a_migration_that_was_changed_afterwards_is_refused_with_its_name():
    connection = migrated("sqlite")
    connection.execute("UPDATE schema_migrations SET checksum = 'other' WHERE number = 2")

    with pytest.raises(StartFailure, match=r"0002_expand"):
        migrate(connection, sql.migrations("sqlite"))
    connection.close()


def test_a_migration_that_fails_leaves_nothing_of_the_run():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    good = sql.migrations("sqlite")[0]
    bad = sql.Migration(number=2, name="0002_expand_nonsense.sql", statement="CREATE INDEX x ON nowhere (y)")

    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, [good, bad])
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()


async def test_the_steps_of_a_file_are_told_before_and_after_without_making_it(tmp_path):
    path = tmp_path / "store.db"
    backend = SqliteBackend(path, STORED)

    assert not any(step.applied for step in await backend.steps())
    assert not path.exists()
    names = await backend.migrate()
    assert names == [step.name for step in await backend.steps()]
    assert all(step.applied for step in await backend.steps())

"""The version guard is what makes the stored state a function of the set of writes: without it the property fails."""

from __future__ import annotations

import random

import msgspec
import pytest

from adapters.sql.statements import Statements, statements
from adapters.sqlite.backend import SqliteBackend
from adapters.sqlite.dialect import SQLITE
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.model.records import Record
from persistence_contract.records import record, tombstone
from persistence_contract.storage_backend import confluent


def unguarded(collection: Collection) -> Statements:
    """The upsert of a backend that trusts the order of arrival."""
    guarded = statements(collection, SQLITE)
    insert, _, rest = guarded.upsert.partition(" DO UPDATE SET ")
    names = [name.strip("`") for name in insert.split("(")[1].split(")")[0].split(",")]
    assignments = ", ".join(f"{name} = excluded.{name}" for name in names)
    assert " WHERE " in rest
    return msgspec.structs.replace(guarded, upsert=f"{insert} DO UPDATE SET {assignments}")


def without_earliest(collection: Collection) -> Statements:
    """The upsert of a backend that skips a stale write altogether."""
    guarded = statements(collection, SQLITE)
    kept, _, _ = guarded.upsert.rpartition(" OR ")
    return msgspec.structs.replace(guarded, upsert=kept)


def history(chance: random.Random) -> list[Record]:
    return [
        (tombstone if chance.random() < 0.3 else record)(
            chance.choice("abc"), chance.randint(0, 3), n, chance.randint(0, 3)
        )
        for n in range(1, 10)
    ]


@pytest.mark.parametrize(
    ("render", "holds"),
    [(lambda collection: statements(collection, SQLITE), True), (unguarded, False), (without_earliest, False)],
    ids=["guarded", "unguarded", "created_at of the winner"],
)
async def test_the_table_is_a_function_of_the_set_of_writes_only_with_the_whole_guard(path, render, holds):
    backend = SqliteBackend(path, BUILT_IN, render=render)
    await backend.open()
    chance = random.Random(7)
    outcomes = [await confluent(backend, history(chance), chance) for _ in range(10)]
    await backend.close()

    assert all(outcomes) is holds

"""Every hot statement is served by its index, in order; asked of the real engine."""

from __future__ import annotations

import sqlite3

import pytest

import sql
from adapters.sql import queries
from adapters.sql.statements import statements
from adapters.sqlite.dialect import SQLITE
from adapters.sqlite.migrations import migrate
from domain.model.collections import Collection
from domain.model.query import EVERYTHING, And, Condition, Filter, Operator, Query, Sort, ordered
from domain.model.translation import SESSIONS, TASKS
from persistence_contract.records import at


def equal(field: str) -> Filter:
    return Condition(field, Operator.EQ, ("x",))


SESSION_KEY = "sqlite_autoindex_translation_sessions_1"
TASK_KEY = "sqlite_autoindex_translation_tasks_1"
HOT = [
    (SESSIONS, equal("status"), "created_at", "translation_sessions_status_created_at"),
    (SESSIONS, equal("user_id"), "created_at", "translation_sessions_user_id_created_at"),
    (SESSIONS, EVERYTHING, "created_at", "translation_sessions_created_at"),
    (SESSIONS, EVERYTHING, "updated_at", "translation_sessions_updated_at"),
    (SESSIONS, EVERYTHING, None, SESSION_KEY),
    (TASKS, equal("session_id"), "created_at", "translation_tasks_session_id_created_at"),
    (TASKS, equal("batch_id"), None, "translation_tasks_batch_id"),
    (TASKS, equal("status"), "updated_at", "translation_tasks_status_updated_at"),
    (TASKS, EVERYTHING, None, TASK_KEY),
]
HOT_BOTH = (Condition("session_id", Operator.EQ, ("x",)), Condition("status", Operator.EQ, ("pending",)))


@pytest.fixture(scope="module")
def engine():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, sql.migrations("sqlite"))
    yield connection
    connection.close()


def plan(engine: sqlite3.Connection, prepared: queries.Prepared) -> list[str]:
    return [row[3] for row in engine.execute(f"EXPLAIN QUERY PLAN {prepared.text}", prepared.parameters)]


def page(collection: Collection, where: Filter, sort: str | None, descending: bool, cursor: bool) -> queries.Prepared:
    keys = ordered(collection, Sort(sort, descending)) if sort else (Sort(collection.key, descending),)
    after = ((at(0), "k") if sort else ("k",)) if cursor else None
    query = Query(filter=where, sort=keys, after=after)
    return queries.page(collection, SQLITE, statements(collection, SQLITE), query)


@pytest.mark.parametrize("cursor", [False, True], ids=["first page", "by cursor"])
@pytest.mark.parametrize("descending", [False, True], ids=["rising", "falling"])
@pytest.mark.parametrize(("collection", "where", "sort", "index"), HOT, ids=lambda part: getattr(part, "name", None))
def test_each_hot_list_is_read_in_order_from_its_index(engine, collection, where, sort, index, descending, cursor):
    found = plan(engine, page(collection, where, sort, descending, cursor))

    assert len(found) == 1
    assert f"USING INDEX {index}" in found[0]
    if cursor:
        assert "<" in found[0] or ">" in found[0]  # it seeks the place, it does not walk there


def test_the_tasks_of_a_session_by_status_are_read_in_order_from_their_index(engine):
    (found,) = plan(engine, page(TASKS, And(HOT_BOTH), None, False, True))

    assert "translation_tasks_session_id_status (session_id=? AND status=? AND task_id>?)" in found


def test_the_counts_of_a_sessions_tasks_are_read_from_the_index_alone(engine):
    (found,) = plan(engine, queries.count_by(TASKS, SQLITE, "status", equal("session_id")))

    assert "USING COVERING INDEX translation_tasks_session_id_status (session_id=?)" in found


@pytest.mark.parametrize(("collection", "where", "sort", "index"), HOT, ids=lambda part: getattr(part, "name", None))
def test_each_total_is_counted_from_an_index_alone(engine, collection, where, sort, index):
    found = plan(engine, queries.count(collection, SQLITE, where, at_most=10))

    assert any("USING COVERING INDEX" in line for line in found)


@pytest.mark.parametrize("collection", [SESSIONS, TASKS], ids=lambda collection: collection.name)
def test_statements_by_key_search_the_key(engine, collection):
    of = statements(collection, SQLITE)

    for text in (of.read, of.version, of.delete):
        (found,) = plan(engine, queries.Prepared(text, ["k"]))
        assert found.startswith(f"SEARCH {collection.name} USING INDEX sqlite_autoindex_{collection.name}_1")


@pytest.mark.parametrize("collection", [SESSIONS, TASKS], ids=lambda collection: collection.name)
def test_the_upsert_has_a_placeholder_for_each_column_and_assigns_the_version_last(collection):
    upsert = statements(collection, SQLITE).upsert

    assert upsert.count("?") == len(collection.data_fields) + 4
    assignments = upsert.split(" DO UPDATE SET ")[1].split(" WHERE ")[0]
    places = [assignments.rindex(f"`{name}`=CASE") for name in ("deleted_at", "revision", "updated_at")]
    assert places == sorted(places)
    assert max(assignments.rindex(f"`{f.name}`=") for f in collection.data_fields[1:]) < places[1]

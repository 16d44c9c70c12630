"""Every hot statement is served by its index, in order, from its place; asked of the real servers."""

from __future__ import annotations

import random

import pytest

from adapters.mysql.dialect import MYSQL
from adapters.sql import queries
from adapters.sql.statements import statements
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.model.query import EVERYTHING, And, Condition, Filter, Operator, Query, Sort, ordered
from domain.model.translation import SESSIONS, TASKS
from persistence_contract.records import at, record
from tests.integration.mysql.conftest import filled

ROWS = 6000
LIMIT = 10


def equal(field: str, value: str) -> Filter:
    return Condition(field, Operator.EQ, (value,))


PENDING = equal("status", "pending")
HOT = [
    (SESSIONS, PENDING, "created_at", "translation_sessions_status_created_at"),
    (SESSIONS, equal("user_id", "u7"), "created_at", "translation_sessions_user_id_created_at"),
    (SESSIONS, EVERYTHING, "created_at", "translation_sessions_created_at"),
    (SESSIONS, EVERYTHING, "updated_at", "translation_sessions_updated_at"),
    (SESSIONS, EVERYTHING, None, "PRIMARY"),
    (TASKS, equal("session_id", "s7"), "created_at", "translation_tasks_session_id_created_at"),
    (TASKS, And((equal("session_id", "s7"), PENDING)), None, "translation_tasks_session_id_status"),
    (TASKS, equal("batch_id", "b7"), None, "translation_tasks_batch_id"),
    (TASKS, PENDING, "updated_at", "translation_tasks_status_updated_at"),
    (TASKS, EVERYTHING, None, "PRIMARY"),
]
names = [f"{collection.noun}s by {index.removeprefix(collection.name + '_')}" for collection, *_, index in HOT]
hot = pytest.mark.parametrize(("collection", "where", "sort", "index"), HOT, ids=names)


def content(collection: Collection):
    chance = random.Random(7)
    for n in range(ROWS):
        fields = {"status": chance.choice(["pending", "processing", "completed", "failed"])}
        if collection is TASKS:
            fields |= {"session_id": f"s{n % 50}", "batch_id": f"b{n % 60}", "source_text": "some text " * 9}
        elif collection is SESSIONS:
            fields |= {"user_id": f"u{n % 40}", "source_lang": "en", "target_lang": "de"}
        yield record(f"k{n:05}", n, n + 1, n, collection=collection, **fields)


@pytest.fixture(scope="module")
def place(database):
    return filled(database, {collection: content(collection) for collection in BUILT_IN})


async def plan(connection, prepared: queries.Prepared) -> list[tuple]:
    """Rows of ``table, key, extra`` of the statement's plan."""
    explain, key = ("EXPLAIN", 5) if connection.product.is_mariadb else ("EXPLAIN FORMAT = TRADITIONAL", 6)
    rows = await connection.fetch(f"{explain} {prepared.text}", *prepared.parameters)
    return [(row[2], row[key], row[-1] or "") for row in rows]


async def rows_read(connection) -> int:
    found = await connection.fetch("SHOW SESSION STATUS LIKE 'Handler_%'")
    counted = ("Handler_read", "Handler_icp_attempts")
    return sum(int(value) for name, value in found if name.startswith(counted))


def page(collection: Collection, where: Filter, sort: str | None, descending: bool, cursor: bool) -> queries.Prepared:
    keys = ordered(collection, Sort(sort, descending)) if sort else (Sort(collection.key, descending),)
    after = ((at(3000), "k03000") if sort else ("k03000",)) if cursor else None
    query = Query(filter=where, sort=keys, after=after, limit=LIMIT)
    return queries.page(collection, MYSQL, statements(collection, MYSQL), query)


@pytest.mark.parametrize("cursor", [False, True], ids=["first page", "by cursor"])
@pytest.mark.parametrize("descending", [False, True], ids=["rising", "falling"])
@hot
async def test_each_hot_list_is_read_in_order_from_its_place_in_its_index(
    connection, collection, where, sort, index, descending, cursor
):
    prepared = page(collection, where, sort, descending, cursor)
    ((table, key, extra),) = await plan(connection, prepared)
    assert (table, key) == (collection.name, index)
    assert "filesort" not in extra

    before = await rows_read(connection)
    found = await connection.fetch(prepared.text, *prepared.parameters)
    assert len(found) == LIMIT + 1
    assert await rows_read(connection) - before <= 2 * (LIMIT + 1) + 2  # each entry, its row, and the way there


@hot
async def test_each_total_is_counted_from_an_index_alone(connection, collection, where, sort, index):
    found = await plan(connection, queries.count(collection, MYSQL, where, at_most=10))

    assert ["Using index" in extra for table, _, extra in found if table == collection.name] == [True]


async def test_the_counts_of_a_sessions_tasks_are_read_from_the_index_alone(connection):
    ((_, key, extra),) = await plan(connection, queries.count_by(TASKS, MYSQL, "status", equal("session_id", "s7")))

    assert key == "translation_tasks_session_id_status"
    assert "Using index" in extra
    assert "filesort" not in extra


@pytest.mark.parametrize("collection", BUILT_IN, ids=lambda collection: collection.name)
async def test_statements_by_key_search_the_key(connection, collection):
    of = statements(collection, MYSQL)
    several = [f"k{n:05}" for n in range(100)]  # of as many as a sixth of the rows, a scan costs less
    prepared = [queries.Prepared(text, ["k00001"]) for text in (of.read, of.version, of.delete)]
    prepared += [queries.versions(collection, MYSQL, several, lock=lock) for lock in (False, True)]
    for statement in prepared:
        ((_, key, extra),) = await plan(connection, statement)
        assert key == "PRIMARY"
        assert "filesort" not in extra


@pytest.mark.parametrize(
    ("where", "matching"),
    [(EVERYTHING, 6000), (PENDING, 1500), (Condition("source_text", Operator.PREFIX, ("some",)), 6000)],
    ids=["everything", "by an index", "by no index"],
)
async def test_an_estimate_is_near_the_truth(backend, connection, where, matching):
    found = await backend._engine.estimate(connection, queries.matching(TASKS, MYSQL, where))

    assert matching / 2 < found < matching * 2

"""Every hot statement is served by its index, in order; asked of the real engine, with rows to choose between."""

from __future__ import annotations

import json

import pytest

from adapters.postgres.bulk import bulk_upsert
from adapters.postgres.dialect import POSTGRES
from adapters.sql import queries
from adapters.sql.rows import to_rows
from adapters.sql.statements import statements
from domain.model.collections import Collection
from domain.model.query import EVERYTHING, And, Condition, Filter, Operator, Query, Sort, ordered
from domain.model.translation import SESSIONS, TASKS
from persistence_contract.records import at, record, tombstone


def equal(field: str) -> Filter:
    return Condition(field, Operator.EQ, ("x1",))


HOT = [
    (SESSIONS, equal("status"), "created_at", "translation_sessions_status_created_at"),
    (SESSIONS, equal("user_id"), "created_at", "translation_sessions_user_id_created_at"),
    (SESSIONS, EVERYTHING, "created_at", "translation_sessions_created_at"),
    (SESSIONS, EVERYTHING, "updated_at", "translation_sessions_updated_at"),
    (SESSIONS, EVERYTHING, None, "translation_sessions_pkey"),
    (TASKS, equal("session_id"), "created_at", "translation_tasks_session_id_created_at"),
    (TASKS, equal("batch_id"), None, "translation_tasks_batch_id"),
    (TASKS, equal("status"), "updated_at", "translation_tasks_status_updated_at"),
    (TASKS, EVERYTHING, None, "translation_tasks_pkey"),
]
FILTERED = [hot for hot in HOT if hot[1] != EVERYTHING]
HOT_BOTH = (Condition("session_id", Operator.EQ, ("x1",)), Condition("status", Operator.EQ, ("pending",)))
KEYS = [f"k{number:05}" for number in range(0, 20_000, 20)]
each_collection = pytest.mark.parametrize("collection", [SESSIONS, TASKS], ids=lambda collection: collection.name)


@pytest.fixture(scope="module")
def database(postgres):
    with postgres.database() as database:
        yield database


@pytest.fixture
async def connection(build, postgres, database):
    """A session on tables with twenty thousand rows each, one in a hundred of them a tombstone."""
    backend = build()
    if await backend.migrate():
        adapter = build()
        await adapter.open()
        for start in range(0, 20_000, 1000):
            await adapter.write(TASKS, [row(TASKS, number) for number in range(start, start + 1000)])
            await adapter.write(SESSIONS, [row(SESSIONS, number) for number in range(start, start + 1000)])
        async with adapter._pool.acquire(60) as session:
            await session.execute("VACUUM ANALYZE")
        await adapter.close()
    await backend.open()
    async with backend._pool.acquire(60) as session:
        yield session
    await backend.close()


def row(collection: Collection, number: int):
    key, group = f"k{number:05}", f"x{number % 100}"
    if collection is TASKS and number % 100 == 0:
        return tombstone(key, number, number)
    named = {"session_id": group, "batch_id": group} if collection is TASKS else {"user_id": group}
    return record(key, number, number, number, collection=collection, status=group, **named)


async def plan(connection, prepared: queries.Prepared) -> list[dict]:
    """The nodes of a plan, outermost first."""
    text = f"EXPLAIN (FORMAT JSON) {prepared.text}"
    node = json.loads(await connection.fetchval(text, *prepared.parameters))[0]["Plan"]
    nodes = [node]
    while "Plans" in node:
        (node,) = node["Plans"]
        nodes.append(node)
    return nodes


def page(collection: Collection, where: Filter, sort: str | None, descending: bool, cursor: bool) -> queries.Prepared:
    keys = ordered(collection, Sort(sort, descending)) if sort else (Sort(collection.key, descending),)
    place = {"created_at": at(5000), "updated_at": at(5000), "batch_id": "x5"}
    after = ((place[sort], "k") if sort else ("k05000",)) if cursor else None
    query = Query(filter=where, sort=keys, after=after)
    return queries.page(collection, POSTGRES, statements(collection, POSTGRES), query)


@pytest.mark.parametrize("cursor", [False, True], ids=["first page", "by cursor"])
@pytest.mark.parametrize("descending", [False, True], ids=["rising", "falling"])
@pytest.mark.parametrize(("collection", "where", "sort", "index"), HOT, ids=lambda part: getattr(part, "name", None))
async def test_each_hot_list_is_read_in_order_from_its_index(
    connection, collection, where, sort, index, descending, cursor
):
    limit, scan = await plan(connection, page(collection, where, sort, descending, cursor))

    assert limit["Node Type"] == "Limit"
    assert (scan["Node Type"], scan["Index Name"]) == ("Index Scan", index)
    if cursor:
        assert "<" in scan["Index Cond"] or ">" in scan["Index Cond"]  # it seeks the place, it does not walk there


@pytest.mark.parametrize(("descending", "cursor"), [(False, False), (True, False), (False, True)])
async def test_a_list_by_a_field_that_takes_null_is_read_in_order_from_its_index(connection, descending, cursor):
    _, scan = await plan(connection, page(TASKS, EVERYTHING, "batch_id", descending, cursor))

    assert scan["Index Name"] == "translation_tasks_batch_id"
    assert ("Index Cond" in scan) is cursor


async def test_the_tasks_of_a_session_by_status_are_read_in_order_from_their_index(connection):
    _, scan = await plan(connection, page(TASKS, And(HOT_BOTH), None, False, True))

    assert scan["Index Name"] == "translation_tasks_session_id_status"
    assert scan["Index Cond"].count("=") == 2
    assert ">" in scan["Index Cond"]


async def test_the_counts_of_a_sessions_tasks_are_read_from_the_index_alone(connection):
    found = await plan(connection, queries.count_by(TASKS, POSTGRES, "status", equal("session_id")))

    assert found[-1]["Node Type"] == "Index Only Scan"
    assert found[-1]["Index Name"] == "translation_tasks_session_id_status"


@pytest.mark.parametrize(
    ("collection", "where", "sort", "index"), FILTERED, ids=lambda part: getattr(part, "name", None)
)
async def test_each_total_is_counted_from_an_index_alone(connection, collection, where, sort, index):
    found = await plan(connection, queries.count(collection, POSTGRES, where, at_most=10_001))

    assert found[-1]["Node Type"] == "Index Only Scan"


@each_collection
async def test_statements_by_key_search_the_key(connection, collection):
    of = statements(collection, POSTGRES)

    for text in (of.read, of.version, of.delete):
        *_, scan = await plan(connection, queries.Prepared(text, ["k00001"]))
        assert scan["Index Name"] == f"{collection.name}_pkey"
        assert "=" in scan["Index Cond"]


@each_collection
async def test_the_tombstones_among_the_keys_of_a_batch_are_read_from_their_index_alone(connection, collection):
    versions = queries.versions(collection, POSTGRES, KEYS, "deleted_at IS NOT NULL")
    *_, scan = await plan(connection, versions)

    assert (scan["Node Type"], scan["Index Name"]) == ("Index Only Scan", f"{collection.name}_tombstones")
    assert "ANY" in scan["Index Cond"]


@each_collection
async def test_versions_are_locked_by_the_key(connection, collection):
    versions = queries.versions(collection, POSTGRES, KEYS[:10], lock=True)
    found = await plan(connection, versions)

    assert found[0]["Node Type"] == "LockRows"
    assert found[-1]["Index Name"] == f"{collection.name}_pkey"


@each_collection
async def test_a_batch_is_one_insert_that_asks_the_key_alone(connection, collection):
    rows = to_rows([row(collection, 1), row(collection, 2)])
    found = await plan(connection, queries.Prepared(bulk_upsert(collection), list(zip(*rows, strict=True))))

    assert [node["Node Type"] for node in found] == ["ModifyTable", "Function Scan"]
    assert found[0]["Conflict Arbiter Indexes"] == [f"{collection.name}_pkey"]

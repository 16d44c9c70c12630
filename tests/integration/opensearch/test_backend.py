"""Records in OpenSearch: where they lie, what goes with a day, and what a wrong mapping is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from adapters.opensearch import searches
from adapters.opensearch.backend import OpenSearchBackend
from adapters.opensearch.connection import OpenSearchServer
from adapters.opensearch.settings import OpenSearchSettings
from domain.errors import BackendExhausted, InvalidParameter, QueryTimeout, RecordRefused, SchemaMismatch
from domain.model.built_in import BUILT_IN
from domain.model.logs import LOGS
from domain.model.query import CountMode, Query, Sort
from domain.model.records import Record
from domain.model.revisions import compose, tick_at, uuid_of
from persistence_contract.records import record

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Store:
    server: object
    prefix: str
    now: datetime = NOW
    opened: list[OpenSearchBackend] = field(default_factory=list)

    async def open(self) -> OpenSearchBackend:
        settings = OpenSearchSettings(hosts=(self.server.url,), call_seconds=120.0, query_seconds=60.0)
        backend = OpenSearchBackend(OpenSearchServer(settings), self.prefix, now=lambda: self.now)
        self.opened.append(backend)
        await backend.open()
        return backend

    def indexes(self) -> set[str]:
        found = self.server.ask("GET", f"/_cat/indices/{self.prefix}-*?format=json&h=index")
        return {each["index"].removeprefix(f"{self.prefix}-") for each in found}


@pytest.fixture
async def store(opensearch):
    opensearch.start()
    store = Store(opensearch, opensearch.prefix())
    yield store
    for backend in store.opened:
        await backend.close()


def made(days: float, counter: int = 0) -> str:
    """A key that the service made so many days ago."""
    return uuid_of(compose(tick_at(NOW - days * DAY), 1, counter))


def log(key: str, days: float = 0, message: str = "m", **fields) -> Record:
    created = (NOW - days * DAY - datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)).total_seconds()
    return record(key, created, 1, created, collection=LOGS, level="info", message=message, **fields)


async def kept(backend) -> set[str]:
    return {one.key for one in (await backend.query(LOGS, Query(sort=(Sort("log_id"),), limit=1000))).items}


async def test_made_keys_lie_in_an_index_of_their_day_and_all_others_in_one(store):
    backend = await store.open()
    logs = {key: log(key, days) for days in (0, 1, 39, 41, 3000) for key in [made(days)]} | {"own": log("own")}
    await backend.write(LOGS, [logs[key] for key in sorted(logs)])

    assert store.indexes() == {"logs", "logs-2026.11.24", "logs-2026.11.23", "logs-2026.10.16"}
    for key, sent in logs.items():
        assert await backend.read(LOGS, key) == sent
    assert await kept(backend) == set(logs)
    store.now += 100 * DAY  # a write of a day that is there meets its record, however late it comes
    other = await store.open()
    await other.write(LOGS, [record(made(39), 10**9, 2, 0, collection=LOGS, level="error", message="new")])
    assert await kept(other) == set(logs)
    assert (await backend.read(LOGS, made(39))).values[1] == "error"


async def test_a_day_that_is_over_goes_as_a_whole_and_one_that_is_not_stays(store):
    backend = await store.open()
    keys = sorted({made(days): days for days in (0, 9.4, 9.6, 10.4, 10.6, 20)}.items())
    await backend.write(LOGS, [log(key, days) for key, days in keys])
    await backend.write(LOGS, [log("old", 11), log("young", 1)])

    before = NOW - 10 * DAY
    assert await backend.expire(LOGS, before, 1) == 2  # of the 13th and of the 4th, whatever the limit
    assert await backend.expire(LOGS, before, 1) == 1  # by its time
    assert await backend.expire(LOGS, before, 1) == 0
    assert await kept(backend) == {made(0), made(9.4), made(9.6), made(10.4), "young"}
    assert store.indexes() == {"logs", "logs-2026.11.24", "logs-2026.11.15", "logs-2026.11.14"}
    await backend.write(LOGS, [log(made(20), 20)])  # sent again
    assert made(20) in await kept(backend)


async def test_an_index_that_was_made_otherwise_refuses_its_records_and_no_others(store):
    backend = await store.open()
    await backend.write(LOGS, [log("first")])
    body = {"mappings": {"properties": {"values": {"properties": {"level": {"type": "integer"}}}}}}
    store.server.ask("PUT", f"/{store.prefix}-logs-2026.11.24", body)
    batch = [log(made(1), 1), log(made(0)), log("own")]
    with pytest.raises(RecordRefused, match=r"mapper_parsing_exception.*values\.level") as found:
        await backend.write(LOGS, batch)

    assert found.value.index == 1
    assert "info" not in found.value.detail
    assert (await backend.write(LOGS, [batch[0], batch[2]])).applied == 2


async def test_a_cluster_that_takes_no_more_indexes_is_full_and_no_record_is_to_blame(store):
    backend, limit = await store.open(), "cluster.max_shards_per_node"
    await backend.write(LOGS, [log("own")])
    store.server.ask("PUT", "/_cluster/settings", {"transient": {limit: 1}})
    try:
        with pytest.raises(BackendExhausted, match="maximum shards open"):
            await backend.write(LOGS, [log(made(0)), log("own")])
    finally:
        store.server.ask("PUT", "/_cluster/settings", {"transient": {limit: None}})
    assert (await backend.write(LOGS, [log(made(0)), log("own")])).applied == 2


async def test_services_whose_prefixes_begin_alike_do_not_meet(store):
    backend, other = await store.open(), Store(store.server, f"{store.prefix}-logs")
    beside = await other.open()
    store.opened.append(beside)
    await backend.write(LOGS, [log("here"), log(made(0))])
    await beside.write(LOGS, [log(made(1), 1), log("there")])

    assert (await kept(backend), await kept(beside)) == ({"here", made(0)}, {"there", made(1)})


async def test_an_index_that_another_process_is_just_making_is_waited_for(store):
    backend = await store.open()
    await backend.write(LOGS, [log("own")])
    day, place = f"/{store.prefix}-logs-2026.11.24", "index.routing.allocation.require.zone"
    store.server.ask("PUT", f"{day}?wait_for_active_shards=0", {"settings": {place: "nowhere"}})
    asked = asyncio.gather(kept(backend), backend.read(LOGS, made(0)))
    await asyncio.sleep(1)
    store.server.ask("PUT", f"{day}/_settings", {place: None})

    assert await asked == [{"own"}, None]


async def test_a_search_that_takes_too_long_says_so(store, monkeypatch):
    backend = await store.open()
    for begin in range(0, 6000, 1000):
        await backend.write(LOGS, [log(f"k{number:04}") for number in range(begin, begin + 1000)])
    slow = {"script": {"script": "int n = 0; for (int i = 0; i < 100000; i++) { n += i } return n != 1"}}
    monkeypatch.setattr(searches, "timeout", lambda _: "1ms")

    with pytest.raises(QueryTimeout, match="Narrow the list"):
        await backend._searches.answer(LOGS, {"query": {"bool": {"filter": [slow]}}, "size": 1})


async def test_a_long_page_is_read_a_portion_at_a_time_and_is_the_same(store, monkeypatch):
    backend = await store.open()
    await backend.write(LOGS, [log(f"k{n:02}", session_id=f"s{n % 3}") for n in range(20)])
    await backend.write(LOGS, [log(made(0), 0), log(made(1), 1)])
    sort = (Sort("session_id", descending=True), Sort("log_id"))
    queries = [Query(sort=sort, limit=limit, offset=offset) for limit, offset in ((5, 0), (6, 1), (30, 0), (9, 15))]
    queries += [Query(sort=sort, limit=limit, after=("s1", "k04"), count=CountMode.EXACT) for limit in (3, 8, 30)]
    whole = [await backend.query(LOGS, query) for query in queries]
    monkeypatch.setattr(searches, "_PORTION", 3)

    assert [await backend.query(LOGS, query) for query in queries] == whole
    assert [len(found.items) for found in whole] == [5, 6, 22, 7, 3, 8, 14]
    scanned = [len(portion) async for portion in backend.dump(LOGS)]
    assert (sum(scanned), max(scanned)) == (22, 3)
    left = store.server.ask("GET", "/_nodes/stats/indices/search")["nodes"].values()
    assert [node["indices"]["search"]["point_in_time_current"] for node in left] == [0]


async def test_a_page_of_records_that_are_too_long_is_refused_with_the_cure_and_a_smaller_one_is_given(
    store, monkeypatch
):
    backend = await store.open()
    await backend.write(LOGS, [log(f"k{n:02}", message="m" * 1000) for n in range(20)])
    monkeypatch.setattr(searches, "_PORTION", 3)
    monkeypatch.setattr(searches, "PAGE_CHARACTERS", 10_000)
    with pytest.raises(InvalidParameter, match="page_size"):
        await backend.query(LOGS, Query(sort=(Sort("log_id"),), limit=15))

    assert len((await backend.query(LOGS, Query(sort=(Sort("log_id"),), limit=7))).items) == 7


def test_the_longest_records_of_every_collection_fit_into_an_answer():
    sizes = {collection.name: searches.portion_of(collection) for collection in BUILT_IN}
    assert sizes["translation_tasks"] == 64
    assert all(0 < size <= 250 for size in sizes.values())


async def test_an_index_that_nobody_made_like_this_ends_the_writing(store):
    store.server.ask("PUT", f"/{store.prefix}-logs", {"settings": {"number_of_shards": 2}})
    backend = await store.open()
    with pytest.raises(SchemaMismatch, match="was not made by this release"):
        await backend.write(LOGS, [log("a")])


async def test_what_is_not_there_is_asked_for_once(store, monkeypatch):
    backend = await store.open()
    await backend.write(LOGS, [log("own")])
    asked, ask = [], backend._server.ask
    monkeypatch.setattr(backend._server, "ask", lambda *path, **more: asked.append(path) or ask(*path, **more))

    assert await backend.read(LOGS, "other") is None
    assert [path[0] for path in asked] == ["GET"]


async def test_indexes_that_somebody_removed_are_made_anew(store):
    backend = await store.open()
    await backend.write(LOGS, [log(made(0)), log("own")])
    store.server.ask("DELETE", f"/{store.prefix}-*")

    assert await kept(backend) == set()
    assert await backend.read(LOGS, "own") is None
    await backend.write(LOGS, [log(made(0)), log("own")])
    assert await kept(backend) == {made(0), "own"}

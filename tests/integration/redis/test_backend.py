"""Redis as a backend: what it refuses, forgets on purpose, and answers slowly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from adapters.redis.server import RedisServer
from adapters.redis.states import Names, secondary
from domain.errors import (
    BackendCorrupt,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    InvalidConfiguration,
    InvalidParameter,
    JournalUnreachable,
    QueryTimeout,
    StartFailure,
)
from domain.model.built_in import BUILT_IN
from domain.model.collections import MAX_LONG, Index
from domain.model.files import FILES
from domain.model.query import EVERYTHING, And, Condition, CountMode, Operator, Or, Query, Sort
from domain.model.secret import Secret
from domain.model.translation import SESSIONS, TASKS
from entrypoints.backend_types import backend_type
from persistence_contract.records import record, tombstone
from ports.backend_type import BackendContext
from tests.servers import Redis

SECONDS = 60.0
BY_KEY = (Sort("task_id"),)


def build(database, **settings):
    found = backend_type("redis", "the tests")
    given = found.settings(**({"url": Secret(database.dsn)} | settings))
    return found.build(given, BackendContext(name="fast", data_folder=Path("/nowhere"), collections=BUILT_IN))


@pytest.fixture
def database(redis):
    with redis.database() as database:
        yield database


async def failure_of(backend) -> str:
    with pytest.raises(StartFailure) as caught:
        await backend.open()
    await backend.close()
    return str(caught.value)


async def test_a_wrong_password_is_one_sentence_that_names_the_place_and_not_the_password(database):
    said = await failure_of(build(replace(database, password="hunter2")))
    assert ("backends.fast.url" in said, "password" in said, "hunter2" in said) == (True, True, False)


async def test_what_was_sent_is_not_repeated_where_a_command_is_unknown(database):
    server = RedisServer(Secret(database.dsn))
    with pytest.raises(JournalUnreachable, match="unknown command 'EVALUATE'") as caught:
        await server.ask("EVALUATE", "canary-5d1f")
    assert "canary-5d1f" not in caught.value.detail
    await server.close()


async def test_a_database_that_is_not_there_is_said(database):
    assert "DB index is out of range" in await failure_of(build(replace(database, name="123456")))


async def test_a_server_that_is_not_there_is_waited_for(database):
    backend = build(replace(database, port=1))
    with pytest.raises(BackendUnavailable, match=r"backends\.fast\.url: Redis cannot be used"):
        await backend.open()
    assert not (await backend.health_check()).healthy
    await backend.close()


@pytest.mark.parametrize(
    ("options", "setting"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "maxmemory-policy allkeys-lru"),
        (("--appendonly", "no"), "appendonly no"),
        (("--appendfsync", "everysec"), "appendfsync everysec"),
    ],
)
async def test_a_redis_that_might_forget_is_refused(options, setting):
    with Redis(*options) as careless:
        assert setting in await failure_of(build(careless.root))


def test_what_makes_no_sense_is_named(database):
    with pytest.raises(StartFailure, match=r"backends\.fast\.live_seconds: there is no collection 'nothing'"):
        build(database, live_seconds={"nothing": 5.0})
    with pytest.raises(InvalidConfiguration, match=r"backends\.fast\.url"):
        build(database, url=Secret("http://127.0.0.1/"))


async def test_records_go_when_their_time_is_over_and_leave_nothing_behind(database):
    backend, keeper = build(database, live_seconds={TASKS.name: 1.0}), build(database)
    await backend.open()
    await keeper.open()
    try:
        await backend.write(TASKS, [record(key, session_id="short") for key in "abc"])
        await keeper.write(TASKS, [record("d", session_id="short")])
        of_session = Condition("session_id", Operator.EQ, ("short",))
        async with asyncio.timeout(SECONDS):
            items = (await keeper.query(TASKS, Query(filter=of_session, sort=BY_KEY))).items
            while len(items) > 1:
                items = (await keeper.query(TASKS, Query(filter=of_session, sort=BY_KEY))).items
        assert [item.key for item in items] == ["d"]
        assert [one.key for portion in [p async for p in keeper.dump(TASKS)] for one in portion] == ["d"]
        for name in (Names(TASKS).visible, Names(TASKS).all, f"{Names(TASKS).prefix}session_id:short"):
            assert await keeper._server.ask("ZRANGE", name, 0, -1) == [b"d"]
        whole = await keeper.query(TASKS, Query(sort=BY_KEY, count=CountMode.EXACT))
        assert (whole.total, whole.total_exact) == (1, True)
    finally:
        await backend.close()
        await keeper.close()


async def test_what_has_expired_does_not_gather_where_nobody_lists_it(database):
    backend = build(database, live_seconds={TASKS.name: 1.0})
    await backend.open()
    ask, names = backend._server.ask, Names(TASKS)
    try:
        await backend.write(TASKS, [record(f"t{number}", session_id="short") for number in range(50)])
        async with asyncio.timeout(SECONDS):
            states = [names.record(f"t{number}") for number in range(50)]
            while await ask("EXISTS", *states, f"{names.prefix}session_id:short"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # no event tells
            while await ask("ZCARD", names.all) > 1 or await ask("ZCARD", names.visible) > 1:
                await backend.write(TASKS, [record("new", session_id="later")])
    finally:
        await backend.close()


async def test_a_set_lasts_as_long_as_the_longest_of_its_records(database):
    def life(seconds):
        return build(database, **({"live_seconds": {TASKS.name: seconds}} if seconds else {}))

    brief, long, always = life(5.0), life(1000.0), life(None)
    short = f"{Names(TASKS).prefix}session_id:short"
    for backend, key, least in ((brief, "a", 0), (long, "b", 900_000), (brief, "c", 900_000), (always, "d", -1)):
        await backend.open()
        await backend.write(TASKS, [record(key, session_id="short")])
        left = await backend._server.ask("PTTL", short)
        assert left == -1 if least == -1 else left > least
        await backend.close()
    await long.open()
    await long.write(TASKS, [record("e", session_id="short")])
    assert await long._server.ask("PTTL", short) == -1
    await long.close()


async def test_portions_of_large_records_are_small_ones(database, monkeypatch):
    monkeypatch.setattr("adapters.redis.walk.PORTION_BYTES", 10_000)
    backend = build(database)
    await backend.open()
    keys = [f"t{number:03}" for number in range(250)]
    await backend.write(TASKS, [record(key, source_text="x" * 1000) for key in keys])
    for portions in (backend.scan(TASKS, EVERYTHING), backend.dump(TASKS), backend.dump(TASKS, among=keys)):
        found = [[each.key for each in portion] async for portion in portions]
        assert [key for portion in found for key in portion] == keys
        assert max(map(len, found)) <= 10
    page = await backend.query(TASKS, Query(sort=(Sort("task_id", descending=True),), limit=120, offset=100))
    assert [each.key for each in page.items] == keys[149:29:-1]
    await backend.close()


async def test_a_page_of_large_records_is_refused_with_the_cure_and_a_smaller_one_is_given(database, monkeypatch):
    monkeypatch.setattr("adapters.redis.page.PAGE_CHARACTERS", 100_000)
    backend = build(database)
    await backend.open()
    await backend.write(TASKS, [record(f"t{number:03}", source_text="x" * 1000) for number in range(200)])
    for sort in (BY_KEY, (Sort("status"), *BY_KEY)):
        with pytest.raises(InvalidParameter, match="page_size"):
            await backend.query(TASKS, Query(sort=sort, limit=150))
        page = await backend.query(TASKS, Query(sort=sort, limit=50))
        assert (len(page.items), page.more) == (50, True)
    await backend.close()


async def test_counting_has_the_deadline_of_a_list(database):
    backend = build(database, query_seconds=0.1)
    backend._query_seconds = 0.0
    await backend.open()
    await backend.write(TASKS, [record("a")])
    with pytest.raises(QueryTimeout, match="session_id, batch_id, status"):
        await backend.count_by(TASKS, "status", EVERYTHING)
    await backend.close()


async def test_a_list_that_takes_too_long_names_what_would_help(database):
    backend = build(database, query_seconds=0.1)
    backend._query_seconds = 0.0
    await backend.open()
    await backend.write(TASKS, [record("a")])
    with pytest.raises(QueryTimeout, match="session_id, batch_id, status"):
        await backend.query(TASKS, Query(sort=BY_KEY))
    await backend.close()


async def test_what_is_no_record_is_said(database):
    backend = build(database)
    await backend.open()
    await backend.write(TASKS, [record("a")])
    for damage in (b"", b"nothing", b"0" * 80, b"x" * 200):
        await backend._server.ask("SET", Names(TASKS).record("a"), damage)
        if damage:
            with pytest.raises(BackendCorrupt, match="translation_tasks"):
                await backend.read(TASKS, "a")
    await backend.close()


async def test_a_key_that_holds_something_else_is_no_outage(database):
    backend = build(database)
    await backend.open()
    for damage in (("SET", b"0" * 80 + b"\xc1"), ("HSET", "field", "value")):
        await backend._server.ask("DEL", Names(TASKS).record("b"))
        await backend._server.ask(damage[0], Names(TASKS).record("b"), *damage[1:])
        with pytest.raises(BackendError, match="no script expects") as failure:
            await backend.write(TASKS, [record("a", 2, 2), record("b", 2, 2)])
        assert type(failure.value) is BackendError
        await backend.write(TASKS, [record("a", 2, 2)])
    await backend.close()


async def test_a_full_redis_takes_nothing_and_is_read_and_emptied_all_the_same():
    with Redis("--maxmemory", "6mb") as small:
        backend = build(small.root)
        await backend.open()
        stored = []

        async def fill():
            for number in range(1000):
                one = record(f"k{number:04}", revision=number, source_text="x" * 50_000)
                await backend.write(TASKS, [one])
                stored.append(one)

        with pytest.raises(BackendExhausted):
            await fill()
        assert stored
        assert await backend.read(TASKS, stored[0].key) == stored[0]
        for one in stored:
            await backend.delete(TASKS, one.key)
        assert (await backend.write(TASKS, stored[:1])).applied == 1
        await backend.close()


async def test_sets_follow_the_values_of_records(database):
    backend = build(database)
    await backend.open()

    async def keys(field, value):
        return await backend._server.ask("ZRANGE", f"{Names(TASKS).prefix}{field}:{value}", 0, -1)

    await backend.write(TASKS, [record("a", 1, 1, session_id="s1"), record("b", 1, 2, session_id="s1")])
    assert await keys("session_id", "s1") == [b"a", b"b"]
    await backend.write(TASKS, [record("a", 2, 3, session_id="s2", batch_id="x:y")])
    assert (await keys("session_id", "s1"), await keys("session_id", "s2")) == ([b"b"], [b"a"])
    assert await keys("batch_id", "x:y") == [b"a"]
    await backend.write(TASKS, [tombstone("a", 3, 4)])
    assert (await keys("session_id", "s2"), await keys("batch_id", "x:y")) == ([], [])
    await backend.delete(TASKS, "b")
    assert await keys("session_id", "s1") == []
    await backend.close()


def test_a_filter_is_narrowed_by_what_it_says_of_one_value():
    names = Names(TASKS)
    one, other = Condition("session_id", Operator.EQ, ("s",)), Condition("status", Operator.IN, ("pending",))
    assert names.sets(one) == [f"{names.prefix}session_id:s"]
    assert names.sets(And((one, And((other,))))) == [f"{names.prefix}session_id:s", f"{names.prefix}status:pending"]
    for where in (
        EVERYTHING,
        Or((one,)),
        Condition("status", Operator.IN, ("pending", "failed")),
        Condition("status", Operator.NE, ("pending",)),
        Condition("priority", Operator.EQ, (1,)),
    ):
        assert names.sets(where) == []
    assert (secondary(TASKS), secondary(SESSIONS)) == (("session_id", "batch_id", "status"), ("status", "user_id"))


async def test_records_are_found_by_large_numbers(database):
    backend = build(database)
    await backend.open()
    files = msgspec.structs.replace(FILES, indexes=(*FILES.indexes, Index(("size",))))
    for size in (5, 10**14 + 1, MAX_LONG):
        await backend.write(files, [record(f"f{size}", collection=files, size=size)])
        query = Query(filter=Condition("size", Operator.EQ, (size,)), sort=(Sort("file_id"),))
        assert [each.key for each in (await backend.query(files, query)).items] == [f"f{size}"]
    await backend.close()

"""Poison in a batch on the real engines: found in few statements, kept with its reason, and nobody else pays for it."""

from __future__ import annotations

import json
import math
from contextlib import asynccontextmanager
from random import Random

import pytest

from adapters.sqlite.backend import SqliteBackend
from domain.model.built_in import BUILT_IN
from domain.model.policies import BufferPolicy
from domain.model.records import Verdict
from domain.model.translation import TASKS
from tests.contract.adapters import SERVERS, server_backend
from tests.unit.domain.services.house import House, task

N = 1000
REQUESTS = 10
POLICY = BufferPolicy(linger_seconds=0.001, read_deadline_seconds=120.0)
GOOD = {"batch_id": "b1", "error_message": None, "priority": 5}
TABLE = TASKS.name
_MY = {
    "check": f"ALTER TABLE {TABLE} ADD CONSTRAINT polite CHECK (source_text <> 'BAD')",
    "length": f"ALTER TABLE {TABLE} MODIFY error_message VARCHAR(10)",
    "range": f"ALTER TABLE {TABLE} MODIFY priority TINYINT NOT NULL",
    "charset": f"ALTER TABLE {TABLE} MODIFY source_text TEXT CHARACTER SET latin1 NOT NULL",
    "null": f"ALTER TABLE {TABLE} MODIFY batch_id VARBINARY(255) NOT NULL",
    "foreign": f"ALTER TABLE {TABLE} ADD CONSTRAINT kin FOREIGN KEY (session_id) REFERENCES parents (id)",
}
_POSTGRES = {
    "check": _MY["check"],
    "length": f"ALTER TABLE {TABLE} ALTER error_message TYPE varchar(10)",
    "range": f"ALTER TABLE {TABLE} ALTER priority TYPE smallint",
    "null": f"ALTER TABLE {TABLE} ALTER batch_id SET NOT NULL",
    "foreign": _MY["foreign"],
}
_PARENTS = {
    "mariadb": "CREATE TABLE parents (id VARBINARY(255) PRIMARY KEY)",
    "mysql": "CREATE TABLE parents (id VARBINARY(255) PRIMARY KEY)",
    "postgres": 'CREATE TABLE parents (id text COLLATE "C" PRIMARY KEY)',
}
RULES = {  # by engine: what the owner of the database did to the table
    "sqlite": {
        "check": f"CREATE TRIGGER polite BEFORE INSERT ON {TABLE} WHEN new.source_text = 'BAD' "
        "BEGIN SELECT RAISE(ABORT, 'not polite'); END"
    },
    "mariadb": _MY,
    "mysql": {rule: text for rule, text in _MY.items() if rule != "foreign"},  # 9.7 lets orphans in by an upsert
    "postgres": _POSTGRES,
}
POISON = {  # what keeps every rule of ours, and breaks one of the owner's
    "check": {"source_text": "BAD"},
    "length": {"error_message": "x" * 50},
    "range": {"priority": 40_000},
    "charset": {"source_text": "漢字"},
    "null": {"batch_id": None},
    "foreign": {"session_id": "orphan"},
}
CASES = [(engine, rule) for engine, rules in RULES.items() for rule in rules]
POSITIONS = {
    "first": lambda k: range(k),
    "middle": lambda k: range(N // 2, N // 2 + k),
    "last": lambda k: range(N - k, N),
    "scattered": lambda k: Random(k).sample(range(N), k),
}


@asynccontextmanager
async def ruled(engine, rule, request, tmp_path):
    """A backend whose table has a rule that the service does not know, and how many statements it was sent."""
    if engine == "sqlite":
        backend = SqliteBackend(tmp_path / "store.db", BUILT_IN)
        await backend.open()
        await backend._database.run(lambda connection: connection.execute(RULES[engine][rule]).rowcount)
        yield backend, counted(backend, "write")
        await backend.close()
        return
    server = request.getfixturevalue(engine)
    with server.database() as database:
        backend = server_backend(database)
        await backend.migrate()
        await backend.open()
        async with backend._pool.acquire(30) as connection:
            for statement in (_PARENTS[engine], "INSERT INTO parents VALUES ('s1')", RULES[engine][rule]):
                await connection.execute(statement)
        if engine == "postgres":  # counts no statements by itself; its engine sends one a call
            count = counted(backend._engine, "upsert")
        else:

            async def count():
                async with backend._pool.acquire(30) as connection:
                    return int((await connection.fetch("SHOW GLOBAL STATUS LIKE 'Com_insert'"))[0][1])

        try:
            yield backend, count
        finally:
            await backend.close()


def counted(thing, method):
    """How often a method was called."""
    inner, calls = getattr(thing, method), 0

    async def call(*arguments, **options):
        nonlocal calls
        calls += 1
        return await inner(*arguments, **options)

    async def count():
        return calls

    setattr(thing, method, call)
    return count


async def judge(house, count, name, rule, bad):
    """Ten requests of a hundred records each in one batch, some of which are poison; how many statements it took."""
    bad = set(bad)
    records = [task(f"{name}-{i:04}", **GOOD | (POISON[rule] if i in bad else {})) for i in range(N)]
    size = N // REQUESTS
    known = {letter.id for letter in await house.dead_letters.find(limit=10 * N, max_bytes=1 << 30)}
    async with house.running(draining=False):
        receipts = [(await house.post(*records[at : at + size])).receipt for at in range(0, N, size)]
        before = await count()
        await house.flush.start()
        await house.flush.flush([TASKS], 300)
        sent = await count() - before
        found = await house.dead_letters.find(limit=10 * N, max_bytes=1 << 30)
        letters = [letter for letter in found if letter.id not in known]
        for number, receipt in enumerate(receipts):
            exceptions = (await house.receipt_service.status(str(receipt))).exceptions
            mine = [i for i in sorted(bad) if i // size == number]
            assert [each.key for each in exceptions] == [f"{name}-{i:04}" for i in mine]
            assert all(each.verdict is Verdict.DEAD_LETTERED for each in exceptions)
    assert [json.loads(letter.record) for letter in letters] == [records[i] for i in sorted(bad)]
    assert {letter.code for letter in letters} <= {"record_refused"}
    stored = {one.key async for portion in house.backend.dump(TASKS) for one in portion if one.key.startswith(name)}
    assert stored == {f"{name}-{i:04}" for i in range(N) if i not in bad}
    return sent


def bound(engine, k):
    """How many statements k poison records may cost: SQLite and MariaDB name them."""
    return k + 1 if engine in ("sqlite", "mariadb") else 2 * k * math.log2(N) + 1


@pytest.mark.parametrize(("engine", "rule"), CASES, ids=[f"{engine}-{rule}" for engine, rule in CASES])
async def test_k_poison_records_of_1000_cost_few_statements_and_no_neighbour(engine, rule, request, tmp_path):
    numbers = range(11) if rule == "check" else (1, 3)
    async with ruled(engine, rule, request, tmp_path) as (backend, count):
        house = House(backend, POLICY)
        for k in numbers:
            for place in POSITIONS if rule == "check" and k in (1, 10) else ["scattered"]:
                house.build()
                sent = await judge(house, count, f"{place}-{k}", rule, POSITIONS[place](k))
                assert sent <= bound(engine, k), (place, k)
                assert sent >= (1 if engine == "sqlite" or not k else 2)


@pytest.mark.parametrize("engine", ["sqlite", *SERVERS])
async def test_all_of_a_batch_may_be_poison(engine, request, tmp_path):
    async with ruled(engine, "check", request, tmp_path) as (backend, count):
        house = House(backend, POLICY)
        sent = await judge(house, count, "all", "check", range(N))
        assert sent <= (N if engine in ("sqlite", "mariadb") else 3 * N)

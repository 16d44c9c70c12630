"""Batches in the real servers: one statement each, whole or absent, and which record is to blame."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from adapters.mysql.bulk import Upsert, rendered
from adapters.mysql.engine import MysqlEngine
from adapters.sql.rows import to_rows
from domain.errors import BackendContended, BackendUnavailable, RecordRefused
from domain.model.query import Query, Sort
from domain.model.translation import TASKS
from persistence_contract.records import record, tombstone
from tests.integration.mysql.conftest import backend_at, killed

COUNT = "SELECT COUNT(*) FROM translation_tasks"


def batch(count: int, revision: int = 1, **fields):
    return [record(f"k{n:04}", revision, revision, **fields) for n in range(count)]


@pytest.fixture
def engine(backend) -> MysqlEngine:
    return backend._engine


@pytest.fixture
async def own(backend):
    """A session of the backend's pool."""
    async with backend._pool.acquire(120) as connection:
        yield connection


async def statements(connection) -> dict[str, int]:
    found = await connection.fetch("SHOW SESSION STATUS LIKE 'Com\\_%'")
    return {name.removeprefix("Com_"): int(value) for name, value in found}


async def test_a_batch_is_one_statement_and_nothing_else(engine, own):
    before = await statements(own)
    await engine.upsert(own, TASKS, to_rows(batch(1000)))
    after = await statements(own)

    assert {name for name in after if after[name] != before[name]} == {"insert", "show_status"}
    assert after["insert"] - before["insert"] == 1
    assert await own.fetchval(COUNT) == 1000


@pytest.mark.parametrize("count", [1, 2, 50])
async def test_it_is_known_whether_a_row_met_a_stored_one(engine, own, count):
    async def meets(records) -> bool:
        return await engine.upsert(own, TASKS, to_rows(records))

    assert not await meets(batch(count))
    assert await meets(batch(count))  # equal
    assert await meets(batch(count, 2))  # newer
    assert await meets(batch(count, 1))  # older
    assert not await meets([record(f"m{n:04}") for n in range(count)])
    # as many changed as unchanged: the sum of the rows affected is that of so many new ones
    half = [*batch(count, 3)[: count // 2], *batch(count, 1)[count // 2 :]]
    assert await meets(half)
    assert await meets([*batch(1, 1), *(record(f"n{n:04}") for n in range(count))])


async def test_a_batch_beyond_the_packet_is_several_statements_and_one_transaction(machine, place):
    packet = int(machine.execute("SELECT @@GLOBAL.max_allowed_packet"))
    machine.execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        backend = backend_at(place)
        await backend.migrate()
        await backend.open()
        wide = batch(40, source_text="x" * 30_000)
        assert (await backend.write(TASKS, wide)).applied == 40
        assert await backend.read(TASKS, "k0039") == wide[39]

        newer = batch(40, 2, source_text="y" * 30_000)
        newer[33] = msgspec.structs.replace(
            newer[33], values=("k0033", *newer[33].values[1:8], 2**40, *newer[33].values[9:])
        )
        with pytest.raises(RecordRefused) as refusal:
            await backend.write(TASKS, newer)
        assert refusal.value.index == 33
        assert await backend.read(TASKS, "k0000") == wide[0]

        with pytest.raises(RecordRefused, match="max_allowed_packet is 1048576") as refusal:
            await backend.write(TASKS, [*batch(2, 2), record("m", source_text="z" * 1_048_576)])
        assert refusal.value.index == 2
        assert await backend.read(TASKS, "k0001") == wide[1]
        await backend.close()
    finally:
        machine.execute(f"SET GLOBAL max_allowed_packet = {packet}")


BAD = {
    "null": {"status": None},
    "number": {"priority": 2**40},
    "long": {"status": "x" * 99},
    "too long a key": {"session_id": "x" * 300},
    "surrogate": {"source_text": "\ud800"},
    "object": {"source_text": object()},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD)
async def test_the_record_to_blame_is_named_where_the_server_tells_and_its_batch_is_absent(backend, machine, fields):
    await backend.write(TASKS, [record("k3", 0, 0), record("k7", 9, 9)])  # some rows of the batches meet stored ones
    for place in (0, 1, 7, 19):
        records = [record(f"k{n}", n, n + 1, **(fields if n == place else {})) for n in range(20)]
        with pytest.raises(RecordRefused) as refusal:
            await backend.write(TASKS, sorted(records, key=lambda one: one.key))
        named = sorted(f"k{n}" for n in range(20)).index(f"k{place}")
        assert refusal.value.index in ({named} if machine.name == "mariadb" else {named, None})
        if place != 3:
            assert (await backend.read(TASKS, "k3")).revision == 0
    assert (await backend.query(TASKS, Query(sort=(Sort("task_id"),)))).items == (
        record("k3", 0, 0),
        record("k7", 9, 9),
    )


async def test_a_single_record_is_always_named(backend):
    for fields in BAD.values():
        with pytest.raises(RecordRefused) as refusal:
            await backend.write(TASKS, [record("a", **fields)])
        assert refusal.value.index == 0


async def test_it_is_the_order_of_assignment_that_keeps_a_version_and_its_record_together(engine, own):
    right = rendered(TASKS, own.product)
    words = right.tail.decode().partition(" ON DUPLICATE KEY UPDATE ")
    assignments = words[2].split(", `")
    wrong = "`" + ", `".join([text.removeprefix("`") for text in (*assignments[-2:], *assignments[:-2])])

    for upsert, priority in ((right, 2), (Upsert(right.head, f"{words[0]}{words[1]}{wrong}".encode()), 1)):
        engine._upserts[TASKS.name, own.product] = upsert
        await own.execute("DELETE FROM translation_tasks")
        await engine.upsert(own, TASKS, to_rows([record("a", 1, 1, priority=1)]))
        await engine.upsert(own, TASKS, to_rows([record("a", 2, 2, priority=2)]))
        found = "SELECT revision, priority FROM translation_tasks"
        assert await own.fetchrow(found) == (2, priority)


async def test_sorted_batches_of_many_writers_do_not_wait_for_each_other_in_circles(backend, machine):
    contended = 0

    async def write(writer: int) -> None:
        nonlocal contended
        chance = random.Random(writer)
        for number in range(15):
            keys = sorted(chance.sample(range(1000), 200))
            records = [
                record(f"k{key:04}", chance.randint(0, 9), writer * 100_000 + number * 1000 + key) for key in keys
            ]
            while True:
                try:
                    await backend.write(TASKS, records)
                    break
                except BackendContended:
                    contended += 1

    await asyncio.gather(*(write(writer) for writer in range(8)))
    assert contended == 0


async def test_the_tombstones_that_outrank_a_batch_are_found_in_it(backend):
    await backend.write(TASKS, [tombstone("b", 5, 5), record("c")])
    result = await backend.write(TASKS, [record("a"), record("b", 1, 9), record("c", 2, 9)])

    assert result.buried == ("b",)


async def test_what_was_acknowledged_survives_kills_and_no_batch_is_there_in_part(backend, machine):
    acknowledged: set[int] = set()
    sent: set[int] = set()
    stop = asyncio.Event()

    async def write(writer: int) -> None:
        number = writer
        while not stop.is_set():
            number += 4
            sent.add(number)
            try:
                await backend.write(TASKS, [record(f"{number:06}-{n:02}", revision=1) for n in range(20)])
            except (BackendUnavailable, BackendContended):
                await asyncio.sleep(0.05)
            else:
                acknowledged.add(number)

    writers = [asyncio.create_task(write(writer)) for writer in range(4)]
    for _ in range(3):
        await asyncio.sleep(0.4)
        async with killed(machine):
            pass
    await asyncio.sleep(0.4)
    stop.set()
    await asyncio.gather(*writers)

    async with backend._pool.acquire(30) as connection:
        found = await connection.fetch("SELECT LEFT(task_id, 6), COUNT(*) FROM translation_tasks GROUP BY 1")
    stored = {int(number) for number, _ in found}
    assert {count for _, count in found} == {20}
    assert acknowledged <= stored <= sent
    assert len(acknowledged) > 10

"""The universal five, on every backend: behaviour, repetition and concurrency, limits and odd characters."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.model.built_in import STORED
from domain.model.collections import Collection, Field, FieldType
from domain.model.query import Query, Sort
from domain.model.records import Record, Verdict, WriteResult, greater
from domain.model.sealed import texts_of
from domain.model.translation import SESSIONS, TASKS
from persistence_contract.records import at, record, tombstone

BY_KEY = (Sort("task_id"),)


async def table(backend, keys) -> list[Record | None]:
    return [await backend.read(TASKS, key) for key in sorted(keys)]


async def test_what_was_written_is_read_back_whole(backend):
    written = record("a", 2, 7, 1, batch_id="b", priority=-3, retry_count=4, metadata='{"z":1,"a":{"b":null}}')

    assert await backend.write(TASKS, [written]) == WriteResult(applied=1, verdicts=None)
    assert await backend.read(TASKS, "a") == written


async def test_an_absent_record_is_none(backend):
    assert await backend.read(TASKS, "nowhere") is None


async def test_an_empty_write_changes_nothing(backend):
    assert await backend.write(TASKS, [], verdicts=True) == WriteResult(applied=0, verdicts=())


async def test_the_greater_version_wins_whichever_comes_first(backend):
    older, newer = record("a", 1, 9, priority=1), record("a", 2, 3, priority=2)
    await backend.write(TASKS, [older])
    await backend.write(TASKS, [newer])
    await backend.write(TASKS, [older])

    assert await backend.read(TASKS, "a") == newer


async def test_the_revision_decides_between_equal_times(backend):
    first, second = record("a", 1, 2**62, priority=1), record("a", 1, 2**62 + 1, priority=2)
    await backend.write(TASKS, [second])
    await backend.write(TASKS, [first])

    assert await backend.read(TASKS, "a") == second


async def test_an_equal_version_changes_nothing(backend):
    await backend.write(TASKS, [record("a", 1, 1, priority=1)])
    result = await backend.write(TASKS, [record("a", 1, 1, priority=2)], verdicts=True)

    assert result.verdicts == (Verdict.STORED,)
    assert await backend.read(TASKS, "a") == record("a", 1, 1, priority=1)


async def test_created_at_becomes_the_earliest_whatever_wins(backend):
    await backend.write(TASKS, [record("a", 5, 5, created=4)])
    await backend.write(TASKS, [record("a", 1, 1, created=1, priority=9)])  # stale
    assert await backend.read(TASKS, "a") == record("a", 5, 5, created=1)

    await backend.write(TASKS, [record("a", 6, 6, created=6)])  # newer
    assert await backend.read(TASKS, "a") == record("a", 6, 6, created=1)

    await backend.write(TASKS, [record("a", 6, 6, created=0)])  # a replay that knows better
    assert await backend.read(TASKS, "a") == record("a", 6, 6, created=0)


async def test_a_tombstone_hides_the_record_from_lists_and_not_from_read(backend):
    await backend.write(TASKS, [record("a", 1, 1), record("b", 1, 2)])
    await backend.write(TASKS, [tombstone("a", 2, 3)])

    assert await backend.read(TASKS, "a") == tombstone("a", 2, 3)
    assert [item.key for item in (await backend.query(TASKS, Query(sort=BY_KEY))).items] == ["b"]


async def test_an_older_write_does_not_raise_the_dead_and_a_newer_one_does(backend):
    await backend.write(TASKS, [tombstone("a", 5, 5)])
    stale = await backend.write(TASKS, [record("a", 4, 9)], verdicts=True)
    assert stale.verdicts == (Verdict.STALE,)
    assert (await backend.read(TASKS, "a")).deleted_at == at(5)

    await backend.write(TASKS, [record("a", 6, 10)])
    assert await backend.read(TASKS, "a") == record("a", 6, 10)


async def test_a_write_tells_the_keys_that_stay_deleted_in_spite_of_it(backend):
    first = await backend.write(TASKS, [record(key, 1, 1) for key in "abcd"])
    assert first.buried == ()
    await backend.write(TASKS, [tombstone("a", 5, 5), tombstone("b", 5, 6), tombstone("c", 5, 7)])

    mixed = [record("a", 4, 8), record("b", 6, 9), tombstone("c", 5, 7), record("d", 0, 10)]
    assert (await backend.write(TASKS, mixed)).buried == ("a",)  # "c" is a replay, "d" is stale without a delete


async def test_verdicts_tell_stored_from_stale_in_order(backend):
    await backend.write(TASKS, [record("b", 5, 5)])
    result = await backend.write(TASKS, [record("a"), record("b", 4, 4), record("c")], verdicts=True)

    assert result == WriteResult(applied=3, verdicts=(Verdict.STORED, Verdict.STALE, Verdict.STORED))


async def test_delete_removes_the_row_itself_and_may_be_repeated(backend):
    await backend.write(TASKS, [tombstone("a", 5, 5)])
    await backend.delete(TASKS, "a")
    await backend.delete(TASKS, "a")

    assert await backend.read(TASKS, "a") is None


async def test_collections_do_not_mix(backend):
    await backend.write(TASKS, [record("a")])

    assert await backend.read(SESSIONS, "a") is None


async def test_a_thousand_records_are_one_write(backend):
    records = [record(f"k{n:04}", revision=n) for n in range(1000)]

    assert (await backend.write(TASKS, records)).applied == 1000
    assert (await backend.query(TASKS, Query(sort=BY_KEY, limit=1000))).items == tuple(records)


async def test_a_healthy_backend_says_so(backend):
    status = await backend.health_check()

    assert status.healthy
    assert status.latency_seconds >= 0


write = st.builds(
    lambda key, updated, revision, created, dead: (tombstone if dead else record)(key, updated, revision, created),
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.integers(1, 10**6),
    st.integers(0, 3),
    st.booleans(),
)
histories = st.lists(write, min_size=1, max_size=12, unique_by=lambda one: one.revision)


async def replayed(backend, history: list[Record], chance: random.Random) -> list[Record | None]:
    """The table after the history in some order, with repeats, in batches of distinct sorted keys."""
    for key in "abc":
        await backend.delete(TASKS, key)
    rest = chance.sample(history, len(history)) + chance.choices(history, k=chance.randint(0, len(history)))
    while rest:
        size = chance.randint(1, 4)
        batch: dict[str, Record] = {}
        for one in rest[:size]:
            batch[one.key] = greater(batch[one.key], one) if one.key in batch else one
        del rest[:size]
        await backend.write(TASKS, [batch[key] for key in sorted(batch)])
    return await table(backend, "abc")


async def confluent(backend, history: list[Record], chance: random.Random) -> bool:
    """Whether three arrangements of a history give one table."""
    tables = [await replayed(backend, history, chance) for _ in range(3)]
    return all(found == tables[0] for found in tables)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, chance=st.randoms(use_true_random=False))
async def test_any_order_split_and_repetition_of_a_history_gives_the_same_table(backend, history, chance):
    assert await confluent(backend, history, chance)


async def test_concurrent_writes_of_one_key_leave_the_greatest(backend):
    records = [record("a", n % 7, n, n, priority=n) for n in range(1, 50)]
    random.Random(1).shuffle(records)
    await asyncio.gather(*(backend.write(TASKS, [one]) for one in records))

    winner = max(records, key=lambda one: one.version)
    assert await backend.read(TASKS, "a") == msgspec.structs.replace(winner, created_at=at(1))


async def test_reads_during_writes_see_whole_records(backend):
    async def write() -> None:
        for n in range(1, 60):
            await backend.write(TASKS, [record("a", n, n, priority=n, retry_count=n)])

    async def read() -> None:
        for _ in range(60):
            found = await backend.read(TASKS, "a")
            if found is not None:
                assert found.values[8] == found.values[9]
                assert found.revision == found.values[8]

    await asyncio.gather(write(), read(), read())


async def test_a_cancelled_write_is_whole_or_absent_and_harms_nothing(backend):
    records = [record(f"k{n:04}", revision=n) for n in range(1000)]
    for delay in (0, 0.0005, 0.003):
        task = asyncio.create_task(backend.write(TASKS, records))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        found = (await backend.query(TASKS, Query(sort=BY_KEY, limit=1000))).items
        assert len(found) in (0, 1000)
    assert (await backend.write(TASKS, records)).applied == 1000


def largest(field: Field) -> list[str | int | None]:
    """The greatest values of a field, in characters and in bytes, and the greatest ciphertext of one."""
    (sealed,) = texts_of(["b" * 22], "k" * 32, [bytes(field.longest + 44)]) if field.sealable else ("",)
    if field.type is FieldType.OBJECT:
        sealed = f'"{sealed}"'
    return [*plainly_largest(field), *([sealed] if field.sealable else [])]


def plainly_largest(field: Field) -> list[str | int | None]:
    """The greatest values of a field, in characters and in bytes."""
    if field.type in (FieldType.INTEGER, FieldType.LONG):
        return [field.maximum, field.minimum]
    if field.type is FieldType.CHOICE:
        return list(field.choices)
    if field.type is FieldType.OBJECT:
        frame = '{"k":""}'
        return [f'{{"k":"{"x" * (field.max_bytes - len(frame))}"}}']
    if field.type is FieldType.IDENTIFIER:
        return ["x" * 64, "🌍" * 63, "é" * 64]
    if field.max_bytes is not None:
        return ["x" * field.max_bytes, "🌍" * (field.max_bytes // 4)]
    return ["x" * field.max_chars, "🌍" * field.max_chars]


@pytest.mark.parametrize("collection", STORED, ids=lambda collection: collection.name)
async def test_every_fields_maximum_is_stored_and_read_back(backend, collection: Collection):
    sent = []
    for position, field in enumerate(collection.data_fields):
        for number, value in enumerate([*largest(field), *([None] if field.nullable else [])]):
            one = record(f"{position:02}-{number}", collection=collection, status="pending")
            values = list(one.values)
            values[position] = value
            sent.append(msgspec.structs.replace(one, values=tuple(values), revision=2**63 - 1))
    sent.sort(key=lambda one: one.key)
    await backend.write(collection, sent)

    assert [await backend.read(collection, one.key) for one in sent] == sent


ODD = [
    *("a", "A", "á", "a\u0301", "å", "Å", "\u212b", "ß", "ss", "ı", "i", "İ", "a ", " a", "a\u00a0", "a\u200b", "ａ"),
    *("'", '"', "`", "\\", "\\'", "%", "_", "a%", "a_", ";--", "?", ":a", "$1", "{}", "\ufeff", "\ufffe", "\uffff"),
    *("🌍", "👩‍👩‍👧", "𝔘", "\U0010ffff", "\ue000", "\ud7ff", "00", "0", "1e3", "NULL", "null", "٣", "한글", "한글"),
]


async def test_odd_keys_are_distinct_and_sort_by_code_point(backend):
    keys = sorted(set(ODD))
    await backend.write(TASKS, [record(key, revision=n, source_text=key) for n, key in enumerate(keys)])

    for n, key in enumerate(keys):
        assert (await backend.read(TASKS, key)).revision == n
    assert [one.key for one in (await backend.query(TASKS, Query(sort=BY_KEY, limit=1000))).items] == keys


@pytest.mark.parametrize(
    "text", ["\x1a", "\r\n\t", "\x01\x7f", "\u2028", "a'b\"c\\d", "x" * 70_000, "", "\\0", "é" * 9]
)
async def test_odd_texts_come_back_as_they_were(backend, text):
    sent = record("a", source_text=text, translated_text=text, metadata=msgspec.json.encode({"k": text}).decode())
    await backend.write(TASKS, [sent])

    assert await backend.read(TASKS, "a") == sent


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50))
async def test_any_text_comes_back_as_it_was(backend, text):
    await backend.delete(TASKS, "a")
    await backend.write(TASKS, [record("a", source_text=text)])

    assert (await backend.read(TASKS, "a")).values[4] == text


async def test_times_keep_their_microseconds(backend):
    for micros in (0, 1, 999_999, 123_457):
        sent = record("a", updated=micros + micros / 1_000_000, revision=micros, created=-micros / 1_000_000)
        await backend.write(TASKS, [sent])
        assert await backend.read(TASKS, "a") == sent
        await backend.delete(TASKS, "a")


async def test_concurrent_batches_of_the_same_keys_end_without_a_deadlock_and_with_the_greatest(backend):
    chance = random.Random(8)
    keys = [f"k{number:03}" for number in range(120)]
    batches = [
        [
            record(key, chance.randint(0, 9), 1000 * number + place, priority=number)
            for place, key in enumerate(sorted(chance.sample(keys, 60)))
        ]
        for number in range(1, 41)
    ]

    async def write(part: list[list[Record]]) -> None:
        for batch in part:
            await backend.write(TASKS, batch)

    await asyncio.gather(*(write(batches[number::8]) for number in range(8)))

    expected: dict[str, Record] = {}
    for one in (one for batch in batches for one in batch):
        expected[one.key] = greater(expected[one.key], one) if one.key in expected else one
    assert await table(backend, keys) == [expected.get(key) for key in keys]


async def test_what_was_written_is_there_when_the_backend_is_opened_again(backend):
    await backend.write(TASKS, [record("a", 1, 1), tombstone("b", 1, 2)])
    await backend.close()
    await backend.open()

    assert await table(backend, "ab") == [record("a", 1, 1), tombstone("b", 1, 2)]

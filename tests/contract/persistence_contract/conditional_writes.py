"""Writes that name the state they build on."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domain.model.records import ConditionalWrite, Record, Verdict
from domain.model.translation import TASKS
from persistence_contract.records import at, record, tombstone


def on(base_revision: int, one: Record) -> ConditionalWrite:
    return ConditionalWrite(one, base_revision)


async def test_a_write_on_the_current_state_is_stored(conditional):
    await conditional.write(TASKS, [record("a", 1, 10, created=1)])

    assert list(await conditional.write_conditional(TASKS, [on(10, record("a", 2, 11, created=2))])) == [Verdict.STORED]
    assert await conditional.read(TASKS, "a") == record("a", 2, 11, created=1)


async def test_a_write_on_a_former_state_is_a_conflict(conditional):
    await conditional.write(TASKS, [record("a", 1, 10)])

    assert list(await conditional.write_conditional(TASKS, [on(9, record("a", 2, 11))])) == [Verdict.CONFLICT]
    assert await conditional.read(TASKS, "a") == record("a", 1, 10)


async def test_a_replay_is_stored_though_its_base_is_gone(conditional):
    await conditional.write(TASKS, [record("a", 1, 10)])
    change = [on(10, record("a", 2, 11, priority=5))]
    await conditional.write_conditional(TASKS, change)

    assert list(await conditional.write_conditional(TASKS, change)) == [Verdict.STORED]
    assert await conditional.read(TASKS, "a") == record("a", 2, 11, priority=5)


@pytest.mark.parametrize("again", ["alone", "beside one that is judged"])
async def test_a_replay_is_stored_though_others_have_written_since(conditional, again):
    await conditional.write(TASKS, [record("a", 1, 10), record("b", 1, 12)])
    change = on(10, record("a", 2, 11, priority=5))
    await conditional.write_conditional(TASKS, [change])
    await conditional.write(TASKS, [record("a", 3, 21, priority=6)])
    others = [] if again == "alone" else [on(12, record("b", 2, 22)), on(12, record("c", 2, 23))]

    verdicts = list(await conditional.write_conditional(TASKS, [change, *others]))

    assert verdicts == [Verdict.STORED, Verdict.STORED, Verdict.CONFLICT][: len(verdicts)]
    assert await conditional.read(TASKS, "a") == record("a", 3, 21, priority=6)
    assert await conditional.read(TASKS, "b") == record("b", *((1, 12) if again == "alone" else (2, 22)))


async def test_a_replay_of_a_conflict_is_a_conflict(conditional):
    await conditional.write(TASKS, [record("a", 1, 10)])
    change = [on(9, record("a", 2, 11))]
    await conditional.write_conditional(TASKS, change)
    await conditional.write(TASKS, [record("a", 3, 21)])

    assert list(await conditional.write_conditional(TASKS, change)) == [Verdict.CONFLICT]


async def test_a_replay_brings_no_record_back_that_was_removed(conditional):
    change = [on(0, record("a", 2, 11))]
    await conditional.write_conditional(TASKS, change)
    await conditional.delete(TASKS, "a")

    assert list(await conditional.write_conditional(TASKS, change)) == [Verdict.STORED]
    assert await conditional.read(TASKS, "a") is None


async def test_an_older_version_on_the_current_state_is_stale(conditional):
    await conditional.write(TASKS, [record("a", 5, 10)])

    assert list(await conditional.write_conditional(TASKS, [on(10, record("a", 4, 11))])) == [Verdict.STALE]
    assert await conditional.read(TASKS, "a") == record("a", 5, 10)


async def test_a_write_on_an_absent_record_is_a_conflict_unless_it_says_so(conditional):
    writes = [on(3, record("a", 1, 10)), on(0, record("b", 1, 11))]

    assert list(await conditional.write_conditional(TASKS, writes)) == [Verdict.CONFLICT, Verdict.STORED]
    assert await conditional.read(TASKS, "a") is None
    assert await conditional.read(TASKS, "b") == record("b", 1, 11)


async def test_a_tombstone_is_a_state_like_any_other(conditional):
    await conditional.write(TASKS, [record("a", 1, 10), tombstone("b", 1, 20)])
    writes = [on(10, tombstone("a", 2, 11)), on(19, record("b", 2, 21))]

    assert list(await conditional.write_conditional(TASKS, writes)) == [Verdict.STORED, Verdict.CONFLICT]
    assert (await conditional.read(TASKS, "a")).deleted_at == at(2)


async def test_a_write_with_an_earlier_creation_does_not_change_the_base(conditional):
    await conditional.write(TASKS, [record("a", 5, 10, created=5)])
    await conditional.write(TASKS, [record("a", 1, 1, created=0)])

    assert list(await conditional.write_conditional(TASKS, [on(10, record("a", 6, 11, created=5))])) == [Verdict.STORED]
    assert await conditional.read(TASKS, "a") == record("a", 6, 11, created=0)


async def test_each_item_of_a_batch_has_its_own_verdict(conditional):
    await conditional.write(TASKS, [record(key, 5, 10) for key in "abcd"])
    writes = [
        on(10, record("a", 6, 11)),
        on(1, record("b", 6, 12)),
        on(10, record("c", 4, 13)),
        on(10, record("d", 6, 14)),
    ]

    verdicts = list(await conditional.write_conditional(TASKS, writes))

    assert verdicts == [Verdict.STORED, Verdict.CONFLICT, Verdict.STALE, Verdict.STORED]
    assert [(await conditional.read(TASKS, key)).revision for key in "abcd"] == [11, 10, 10, 14]


async def test_of_concurrent_changes_on_one_state_exactly_one_is_stored(conditional):
    await conditional.write(TASKS, [record("a", 0, 1)])
    answers = await asyncio.gather(
        *(conditional.write_conditional(TASKS, [on(1, record("a", n, n))]) for n in range(2, 22))
    )

    verdicts = [verdict for (verdict,) in answers]
    assert verdicts.count(Verdict.STORED) == 1
    assert verdicts.count(Verdict.CONFLICT) == 19
    assert (await conditional.read(TASKS, "a")).revision == verdicts.index(Verdict.STORED) + 2


async def test_a_counter_that_retries_its_conflicts_loses_no_step(conditional):
    await conditional.write(TASKS, [record("a", 0, 1)])
    revisions = iter(range(2, 10_000))

    async def step() -> None:
        while True:
            current = await conditional.read(TASKS, "a")
            values = list(current.values)
            values[8] += 1
            merged = msgspec.structs.replace(current, values=tuple(values), revision=next(revisions))
            (verdict,) = await conditional.write_conditional(TASKS, [on(current.revision, merged)])
            if verdict is Verdict.STORED:
                return

    await asyncio.gather(*(step() for _ in range(20)))

    assert (await conditional.read(TASKS, "a")).values[8] == 20

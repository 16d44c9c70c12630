"""One field of a collection in which no two records are alike."""

from __future__ import annotations

import asyncio
import random

import pytest

from domain.errors import BackendContended, RecordRefused
from domain.model.query import Query, Sort
from domain.model.records import ConditionalWrite, Record, Verdict
from domain.model.users import USERS
from persistence_contract.records import record, tombstone


def user(key: str, email: str | None, updated: float = 0, revision: int = 1) -> Record:
    return record(key, updated, revision, collection=USERS, email=email or "", email_normalized=email, name=key)


def gone(key: str, updated: float, revision: int) -> Record:
    return tombstone(key, updated, revision, collection=USERS)


async def stored(backend) -> dict[str, str]:
    found = await backend.query(USERS, Query(sort=(Sort("user_id"),), limit=1000))
    return {one.key: one.values[2] for one in found.items}


async def test_a_value_that_another_record_has_is_refused_and_the_other_one_stays_as_it_is(unique):
    first = user("a", "x@y.z")
    await unique.write(USERS, [first])

    with pytest.raises(RecordRefused) as refusal:
        await unique.write(USERS, [user("b", "x@y.z", 5, 5)])
    assert refusal.value.taken
    with pytest.raises(RecordRefused) as refusal:
        await unique.write_conditional(USERS, [ConditionalWrite(user("b", "x@y.z", 5, 6), 0)])
    assert refusal.value.taken
    assert await unique.read(USERS, "a") == first
    assert await unique.read(USERS, "b") is None


async def test_nothing_of_a_write_with_a_refused_record_is_stored_and_a_named_place_is_the_right_one(unique):
    await unique.write(USERS, [user("k", "k@y.z")])
    writes = [user("a", "a@y.z"), user("b", "k@y.z"), user("c", "c@y.z")]

    for write in (
        unique.write(USERS, writes),
        unique.write_conditional(USERS, [ConditionalWrite(one, 0) for one in writes]),
    ):
        with pytest.raises(RecordRefused) as refusal:
            await write
        assert refusal.value.taken
        assert refusal.value.index in (None, 1)
    assert await stored(unique) == {"k": "k@y.z"}


async def test_two_records_of_one_write_with_one_value_are_refused(unique):
    with pytest.raises(RecordRefused) as refusal:
        await unique.write(USERS, [user("a", "x@y.z"), user("b", "x@y.z")])
    assert refusal.value.taken
    assert refusal.value.index in (None, 1)
    assert await stored(unique) == {}


async def test_a_record_keeps_its_value_and_may_change_it(unique):
    await unique.write(USERS, [user("a", "x@y.z")])
    await unique.write(USERS, [user("a", "x@y.z", 1, 2)])
    assert list(await unique.write_conditional(USERS, [ConditionalWrite(user("a", "n@y.z", 2, 3), 2)])) == [
        Verdict.STORED
    ]
    await unique.write(USERS, [user("b", "x@y.z", 3, 4)])

    assert await stored(unique) == {"a": "n@y.z", "b": "x@y.z"}


async def test_a_change_to_a_value_that_another_record_has_is_refused(unique):
    await unique.write(USERS, [user("a", "a@y.z"), user("b", "b@y.z")])

    for key, value in (("a", "b@y.z"), ("b", "a@y.z")):
        with pytest.raises(RecordRefused) as refusal:
            await unique.write_conditional(USERS, [ConditionalWrite(user(key, value, 2, 2), 1)])
        assert refusal.value.taken
    assert await stored(unique) == {"a": "a@y.z", "b": "b@y.z"}
    assert await unique.read(USERS, "a") == user("a", "a@y.z")


async def test_a_tombstone_gives_the_value_up_and_a_record_before_it_in_a_write_too(unique):
    await unique.write(USERS, [user("a", "x@y.z"), user("b", "b@y.z")])
    await unique.write(USERS, [gone("a", 1, 2), user("c", "x@y.z", 1, 3)])
    await unique.write(USERS, [user("b", "n@y.z", 2, 4), user("d", "b@y.z", 2, 5)])

    assert await stored(unique) == {"b": "n@y.z", "c": "x@y.z", "d": "b@y.z"}
    await unique.write(USERS, [gone("c", 3, 6), gone("d", 3, 7)])
    assert await stored(unique) == {"b": "n@y.z"}


async def test_an_older_write_and_a_replay_take_no_value_from_anybody(unique):
    await unique.write(USERS, [user("a", "a@y.z", 5, 5), user("b", "b@y.z", 5, 6)])

    result = await unique.write(USERS, [user("a", "a@y.z", 5, 5), user("b", "c@y.z", 1, 1)], verdicts=True)
    assert result.verdicts == (Verdict.STORED, Verdict.STALE)
    result = await unique.write(USERS, [user("b", "a@y.z", 1, 1)], verdicts=True)
    assert result.verdicts == (Verdict.STALE,)
    assert list(await unique.write_conditional(USERS, [ConditionalWrite(user("b", "a@y.z", 1, 1), 6)])) == [
        Verdict.STALE
    ]
    assert await stored(unique) == {"a": "a@y.z", "b": "b@y.z"}


async def test_values_are_compared_by_code_point(unique):
    values = ["a@y.z", "A@y.z", "a@y.z ", "\u00e4@y.z", "a\u0308@y.z", "\u0131@y.z", "ss@y.z", "\u00df@y.z"]
    await unique.write(USERS, [user(f"k{n}", value, revision=n) for n, value in enumerate(values)])

    assert list((await stored(unique)).values()) == values


async def test_of_many_writers_of_one_value_exactly_one_has_it(unique):
    async def take(number: int, value: str, revision: int) -> bool:
        one = user(f"{value}-{number:02}", value, revision=revision)
        for _ in range(200):
            try:
                if number % 2:
                    await unique.write(USERS, [one])
                else:
                    await unique.write_conditional(USERS, [ConditionalWrite(one, 0)])
            except RecordRefused as refusal:
                if not refusal.taken:
                    raise
                return False
            except BackendContended:
                await asyncio.sleep(random.uniform(0, 0.05))
            else:
                return True
        raise AssertionError("never let in")

    for first, value in ((1, "x@y.z"), (101, "w@y.z")):
        won = await asyncio.gather(*(take(number, value, first + number) for number in range(20)))
        assert won.count(True) == 1
        assert list((await stored(unique)).values()).count(value) == 1

"""Other texts for the same version, on every backend that can."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domain.errors import RecordRefused
from domain.model.collections import Collection
from domain.model.query import Query, Sort
from domain.model.records import Record
from domain.model.translation import TASKS
from domain.model.users import USERS
from persistence_contract.records import at, record, tombstone

ALL = Query(sort=(Sort(TASKS.key),), limit=1000)


def changed(one: Record, collection: Collection = TASKS, **values: str | int | None) -> Record:
    texts = list(one.values)
    for name, value in values.items():
        texts[collection.positions[name]] = value
    return msgspec.structs.replace(one, values=tuple(texts))


def user(key: str, email: str, revision: int = 1) -> Record:
    return record(key, 1, revision, collection=USERS, email=email, email_normalized=email)


async def test_texts_are_exchanged_and_the_version_stays(rewriting):
    records = [record(f"k{number:03}", number, number + 1, batch_id="b") for number in range(100)]
    await rewriting.write(TASKS, records)
    new = [changed(one, source_text=f"new {one.key}", metadata='"text"', error_message=None) for one in records[10:60]]

    assert await rewriting.rewrite(TASKS, new) == 50
    assert list((await rewriting.query(TASKS, ALL)).items) == [*records[:10], *new, *records[60:]]
    assert await rewriting.rewrite(TASKS, []) == 0


async def test_what_was_written_meanwhile_stays(rewriting):
    before = [record("a", 1, 1), record("b", 1, 1), record("c", 1, 1), record("d", 1, 1)]
    await rewriting.write(TASKS, before)
    since = [record("a", 2, 2, source_text="newer"), record("b", 1, 2, source_text="newer"), tombstone("c", 3, 3)]
    await rewriting.write(TASKS, since)
    late = [changed(one, source_text="late") for one in [*before, record("nowhere", 1, 1)]]

    assert await rewriting.rewrite(TASKS, late) == 1
    assert [await rewriting.read(TASKS, key) for key in "abcd"] == [*since, late[3]]
    assert await rewriting.read(TASKS, "nowhere") is None


async def test_only_what_may_be_encrypted_is_exchanged(rewriting):
    stored = record("a", 5, 1, created=4)
    await rewriting.write(TASKS, [stored])
    await rewriting.write(TASKS, [record("a", 1, 1, created=1)])  # stale, and created earlier
    assert await rewriting.rewrite(TASKS, [changed(stored, source_text="new")]) == 1

    found = await rewriting.read(TASKS, "a")
    assert found == msgspec.structs.replace(changed(stored, source_text="new"), created_at=at(1))


async def test_what_no_two_share_stays_so(unique, rewriting):
    users = [user("a", "a@x.org"), user("b", "b@x.org"), user("c", "c@x.org")]
    await rewriting.write(USERS, users)
    new = [changed(users[0], USERS, email="new", email_normalized="new")]
    assert await rewriting.rewrite(USERS, new) == 1
    with pytest.raises(RecordRefused) as caught:
        await rewriting.rewrite(
            USERS,
            [
                changed(users[1], USERS, email="x", email_normalized="x"),
                changed(users[2], USERS, email_normalized="new"),
            ],
        )

    assert caught.value.taken
    assert [await rewriting.read(USERS, key) for key in "abc"] == [*new, *users[1:]]


async def test_writers_at_the_same_time_lose_nothing(rewriting):
    records = [record(f"k{number:03}", 1, 1) for number in range(100)]
    await rewriting.write(TASKS, records)
    newer = [record(one.key, 2, 2, source_text="newer") for one in records[::2]]

    async def rewrite(start: int) -> None:
        for begin in range(start, 100, 10):
            await rewriting.rewrite(TASKS, [changed(one, source_text="same") for one in records[begin : begin + 10]])

    await asyncio.gather(rewrite(0), rewrite(0), *(rewriting.write(TASKS, newer[n : n + 5]) for n in range(0, 50, 5)))
    await rewrite(0)
    found = {one.key: one for one in (await rewriting.query(TASKS, ALL)).items}
    assert [found[one.key] for one in newer] == newer
    assert {found[one.key].values[TASKS.positions["source_text"]] for one in records[1::2]} == {"same"}

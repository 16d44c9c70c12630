"""Removing what is old, on every backend that can."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from domain.model.collections import Collection
from domain.model.logs import LOGS
from domain.model.query import Query, Sort
from domain.model.records import Record
from domain.model.translation import SESSIONS
from persistence_contract.records import at, record, tombstone

BY_KEY = (Sort(LOGS.key),)


def log(key: str, created: float, revision: int = 1) -> Record:
    return record(key, created, revision, created, collection=LOGS, level="info", message=key)


async def kept(backend, collection: Collection = LOGS) -> list[str]:
    query = Query(sort=(Sort(collection.key),), limit=1000)
    return [one.key for one in (await backend.query(collection, query)).items]


async def removed(backend, before: datetime, limit: int = 1000) -> int:
    total = 0
    while count := await backend.expire(LOGS, before, limit):
        total += count
    return total


async def test_what_was_created_before_a_moment_goes_and_all_else_stays(expiring):
    microsecond = timedelta(microseconds=1)
    await expiring.write(LOGS, [log("a", 10), log("b", 11), log("c", 12)])
    await expiring.write(SESSIONS, [record("a", collection=SESSIONS, status="pending", source_lang="", target_lang="")])

    assert await expiring.expire(LOGS, at(10), 1000) == 0
    assert await removed(expiring, at(11)) == 1
    assert await kept(expiring) == ["b", "c"]
    assert await expiring.read(LOGS, "a") is None
    assert await removed(expiring, at(11) + microsecond) == 1
    assert await kept(expiring) == ["c"]
    assert await kept(expiring, SESSIONS) == ["a"]


async def test_it_goes_in_portions_until_nothing_is_left(expiring):
    await expiring.write(LOGS, [log(f"k{n:03}", n) for n in range(100)])

    counts = [await expiring.expire(LOGS, at(90), 40) for _ in range(4)]
    assert sum(counts) == 90
    assert counts[-1] == 0
    assert await kept(expiring) == [f"k{n:03}" for n in range(90, 100)]


async def test_an_earlier_creation_counts_though_a_later_write_won(expiring):
    await expiring.write(LOGS, [log("a", 50)])
    await expiring.write(LOGS, [log("a", 5)])

    assert (await expiring.read(LOGS, "a")).created_at == at(5)
    assert await removed(expiring, at(10)) == 1
    assert await kept(expiring) == []


async def test_tombstones_stay(expiring):
    await expiring.write(LOGS, [tombstone("a", 5, collection=LOGS)])

    assert await removed(expiring, at(10)) == 0
    assert (await expiring.read(LOGS, "a")).deleted_at == at(5)


async def test_what_went_may_be_written_again(expiring):
    await expiring.write(LOGS, [log("a", 1)])
    await removed(expiring, at(10))
    await expiring.write(LOGS, [log("a", 20, 2)])

    assert await kept(expiring) == ["a"]
    assert (await expiring.read(LOGS, "a")).created_at == at(20)


async def test_several_at_once_and_writers_beside_them_do_no_harm(expiring):
    await expiring.write(LOGS, [log(f"k{n:03}", n) for n in range(200)])

    async def write(start: int) -> None:
        await expiring.write(LOGS, [log(f"n{n:03}", 1000 + n) for n in range(start, start + 50)])

    await asyncio.gather(*(removed(expiring, at(150), 30) for _ in range(3)), *(write(n) for n in (0, 50, 100)))
    await removed(expiring, at(150), 30)
    assert await kept(expiring) == [*(f"k{n:03}" for n in range(150, 200)), *(f"n{n:03}" for n in range(150))]

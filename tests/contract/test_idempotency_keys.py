"""The keys of requests that have left the log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.model.idempotency import IdempotencyKey, KeyedFrame, KeyedPart
from tests.contract.adapters import STATES

NOON = datetime(2026, 11, 24, 12, 0, 0, 123_457, tzinfo=UTC)
OPERATION = "POST /api/v1/translation/tasks/batch"
KEY = IdempotencyKey("", OPERATION, "k")


@pytest.fixture(params=list(STATES))
async def keys(request, tmp_path):
    state = STATES[request.param](tmp_path)
    await state.open()
    yield state.idempotency_keys
    await state.close()


def frame(number: int = 0, key: IdempotencyKey = KEY, seconds: int = 0, keys=(), **fields) -> KeyedFrame:
    given = {
        "lane": "translation_tasks",
        "epoch": 3,
        "first": 100 + number,
        "last": 100 + number,
        "first_revision": (1 << 62) + number,
        "accepted_at": NOON + timedelta(seconds=seconds),
    }
    part = KeyedPart(key=key, number=number, digest=bytes(range(32)), keys=keys)
    return KeyedFrame(part=part, **(given | fields))


async def test_a_key_that_nobody_used_has_no_frames(keys):
    assert list(await keys.find(KEY)) == []


async def test_the_parts_of_a_request_come_back_whole_and_in_order(keys):
    odd = frame(2, keys=("a", "é\n\0'", "🎈"), first=1, last=3, first_revision=(1 << 63) - 1)
    await keys.add([odd, frame(0)])
    await keys.add([frame(1)])
    assert list(await keys.find(KEY)) == [frame(0), frame(1), odd]


@pytest.mark.parametrize(
    "other",
    [
        IdempotencyKey("ann", OPERATION, "k"),
        IdempotencyKey("", "PATCH /api/v1/translation/tasks/batch", "k"),
        IdempotencyKey("", OPERATION, "K"),
        IdempotencyKey("", OPERATION, "k2"),
    ],
)
async def test_caller_operation_and_key_tell_requests_apart(keys, other):
    await keys.add([frame()])
    assert list(await keys.find(other)) == []
    await keys.add([frame(key=other)])
    assert list(await keys.find(other)) == [frame(key=other)]
    assert list(await keys.find(KEY)) == [frame()]


async def test_twice_is_once_and_of_two_the_later_accepted_stays(keys):
    await keys.add([frame(), frame()])
    later = frame(seconds=90_000, first=7, last=9)
    await keys.add([later])
    await keys.add([frame(seconds=1), later])
    assert list(await keys.find(KEY)) == [later]


async def test_nothing_added_is_no_error(keys):
    await keys.add([])
    assert list(await keys.find(KEY)) == []


async def test_the_oldest_are_purged_first_and_those_at_the_time_stay(keys):
    others = [IdempotencyKey("", OPERATION, f"k{n}") for n in range(5)]
    await keys.add([frame(key=key, seconds=n) for n, key in enumerate(others)])
    assert await keys.purge(NOON + timedelta(seconds=3), 2) == 2
    assert [bool(await keys.find(key)) for key in others] == [False, False, True, True, True]
    assert await keys.purge(NOON + timedelta(seconds=3), 10) == 1
    assert await keys.purge(NOON + timedelta(seconds=3), 10) == 0
    assert [bool(await keys.find(key)) for key in others] == [False, False, False, True, True]


async def test_many_at_once(keys):
    every = [IdempotencyKey("", OPERATION, f"k{n}") for n in range(50)]
    await asyncio.gather(*(keys.add([frame(key=key)]) for key in every))
    assert await asyncio.gather(*(keys.find(key) for key in every)) == [(frame(key=key),) for key in every]

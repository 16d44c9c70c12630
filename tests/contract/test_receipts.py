"""Epochs of the log, and the records that were acknowledged and not applied."""

from __future__ import annotations

import asyncio

import pytest

from adapters.redis.state import RedisState
from domain.model.receipts import Epoch, WriteException
from domain.model.records import Verdict


@pytest.fixture
def receipts(state):
    return state.receipts


@pytest.fixture
def epochs(state):
    """The receipts of a log that is opened anew at each start."""
    if isinstance(state, RedisState):
        pytest.skip("an epoch in Redis lasts as long as its log: tests/integration/redis")
    return state.receipts


def exception(lane: str, sequence: int, **fields) -> WriteException:
    given = {"key": f"k{sequence}", "verdict": Verdict.DEAD_LETTERED, "code": "record_refused", "detail": "too long"}
    return WriteException(lane=lane, sequence=sequence, **(given | fields))


async def test_epochs_count_up_from_one_in_each_lane(epochs):
    assert await epochs.open_epoch("a", 1) == Epoch(1, 1)
    assert await epochs.open_epoch("a", 101) == Epoch(2, 101)
    assert await epochs.open_epoch("b", 7) == Epoch(1, 7)


async def test_an_epoch_is_answered_with_the_one_after_it(epochs):
    for first in (1, 50, 50):
        await epochs.open_epoch("a", first)

    assert await epochs.epochs("a", 1) == (Epoch(1, 1), Epoch(2, 50))
    assert await epochs.epochs("a", 2) == (Epoch(2, 50), Epoch(3, 50))
    assert await epochs.epochs("a", 3) == (Epoch(3, 50), None)


async def test_an_epoch_that_never_was_is_none(epochs):
    await epochs.open_epoch("a", 1)

    assert await epochs.epochs("a", 2) == (None, None)
    assert await epochs.epochs("a", 0) == (None, Epoch(1, 1))
    assert await epochs.epochs("b", 1) == (None, None)


async def test_exceptions_are_found_by_range_in_order(receipts):
    await receipts.add([exception("a", n) for n in (9, 2, 5, 10)] + [exception("b", 5)])

    assert await receipts.exceptions("a", 2, 9) == (exception("a", 2), exception("a", 5), exception("a", 9))
    assert await receipts.exceptions("a", 3, 4) == ()
    assert await receipts.exceptions("c", 1, 100) == ()


async def test_an_exception_added_twice_is_there_once_and_stays_as_it_was(receipts):
    await receipts.add([exception("a", 1, verdict=Verdict.FENCED)])
    await receipts.add([exception("a", 1, verdict=Verdict.CONFLICT), exception("a", 2)])
    await receipts.add([])

    assert await receipts.exceptions("a", 1, 2) == (exception("a", 1, verdict=Verdict.FENCED), exception("a", 2))


async def test_an_exception_is_kept_whole(receipts):
    odd = exception("a", 2**60, key="🌍'\\", code="x", detail="\x1a\n\"'" * 500)
    await receipts.add([odd])

    assert await receipts.exceptions("a", 2**60, 2**60) == (odd,)


async def test_a_new_epoch_forgets_exceptions_of_the_numbers_that_it_gives_anew(epochs):
    await epochs.add([exception("a", n) for n in (4, 5, 6)] + [exception("b", 6)])
    await epochs.open_epoch("a", 5)

    assert [one.sequence for one in await epochs.exceptions("a", 1, 100)] == [4]
    assert [one.sequence for one in await epochs.exceptions("b", 1, 100)] == [6]


async def test_concurrent_openings_get_different_epochs(epochs):
    epochs = await asyncio.gather(*(epochs.open_epoch("a", n) for n in range(1, 30)))

    assert sorted(epoch.number for epoch in epochs) == list(range(1, 30))

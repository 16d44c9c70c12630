"""Dead letters: kept until someone repairs or purges them."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domain.model.receipts import DeadLetter


@pytest.fixture
def letters(state):
    return state.dead_letters


def letter(lane: str, sequence: int, revision: int = 1, **fields) -> DeadLetter:
    given = {"key": f"k{sequence}", "record": b'{"a":1}', "accepted_at": "2026-01-01T00:00:00Z"}
    given |= {"failed_at": "2026-01-01T00:00:01Z", "code": "record_refused", "detail": "too long"}
    return DeadLetter(lane=lane, sequence=sequence, revision=revision, **(given | fields))


async def places(letters, lane=None, after=None, limit=100) -> list[tuple[str, int]]:
    return [(one.lane, one.sequence) for one in await letters.find(lane, after=after, limit=limit)]


async def test_a_letter_is_kept_whole(letters):
    odd = letter("a", 2**60, 2**63 - 1, key="🌍'\\", record=bytes(range(256)) * 4000, detail="x\x1a\n" * 1000)
    await letters.add([odd])

    assert await letters.get("a", 2**60) == odd
    assert await letters.find(None, after=None, limit=10) == (odd,)


async def test_an_absent_letter_is_none(letters):
    await letters.add([letter("a", 1)])

    assert await letters.get("a", 2) is None
    assert await letters.get("b", 1) is None


async def test_a_letter_added_twice_is_there_once_and_stays_as_it_was(letters):
    await letters.add([letter("a", 1), letter("a", 1, detail="again")])
    await letters.add([letter("a", 1, failed_at="2026-02-02T00:00:00Z")])

    assert await letters.get("a", 1) == letter("a", 1)
    assert await letters.count() == 1


async def test_letters_are_found_by_lane_and_sequence_page_by_page(letters):
    await letters.add([letter(lane, sequence) for lane in "cab" for sequence in (10, 9, 2)])
    every = [(lane, sequence) for lane in "abc" for sequence in (2, 9, 10)]

    assert await places(letters) == every
    assert await places(letters, limit=2) == every[:2]
    assert await places(letters, after=("a", 10)) == every[3:]
    assert await places(letters, after=("a", 9), limit=3) == every[2:5]
    assert await places(letters, "b") == every[3:6]
    assert await places(letters, "b", after=("b", 2)) == every[4:6]
    assert await places(letters, "b", after=("a", 9)) == every[3:6]
    assert await places(letters, "b", after=("c", 1)) == []
    assert await places(letters, "d") == []


async def test_a_removed_letter_is_gone_and_removing_it_again_says_so(letters):
    await letters.add([letter("a", 1), letter("a", 2)])

    assert await letters.remove("a", 1) is True
    assert await letters.remove("a", 1) is False
    assert await places(letters) == [("a", 2)]


async def test_counts_are_by_lane_or_of_all(letters):
    await letters.add([letter("a", 1), letter("a", 2), letter("b", 1)])

    assert [await letters.count(lane) for lane in (None, "a", "b", "c")] == [3, 2, 1, 0]
    await letters.add([])
    assert await letters.count() == 3


async def test_a_letter_of_a_log_that_began_again_does_not_replace_the_former_one(letters):
    former, later = letter("a", 1, 10, key="former"), letter("a", 1, 20, key="later")
    await letters.add([former])
    await letters.add([later])

    assert await letters.count() == 2
    assert await letters.get("a", 1) == later
    assert await places(letters) == [("a", 1)]
    assert await letters.remove("a", 1) is True
    assert await letters.get("a", 1) == former
    assert await letters.remove("a", 1) is True
    assert await letters.count() == 0


async def test_concurrent_additions_lose_nothing(letters):
    await asyncio.gather(*(letters.add([letter("a", n), letter("b", n // 2)]) for n in range(40)))

    assert await letters.count("a") == 40
    assert await letters.count("b") == 20


async def test_letters_are_values(letters):
    await letters.add([letter("a", 1)])

    assert msgspec.json.encode(await letters.get("a", 1)) == msgspec.json.encode(letter("a", 1))

"""Dead letters: kept until someone repairs or purges them."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domain.errors import DeadLettersFull
from domain.model.dead_letters import (
    EVERY_LETTER,
    LETTER_WEIGHT,
    DeadLetter,
    LetterBounds,
    LetterCause,
    LetterFilter,
    LetterId,
)
from domain.model.frames import FrameKind


@pytest.fixture
def letters(state):
    return state.dead_letters


def letter(lane: str, sequence: int, revision: int = 1, **fields) -> DeadLetter:
    given = {"key": f"k{sequence}", "record": b'{"a":1}', "accepted_at": "2026-01-01T00:00:00Z"}
    given |= {"failed_at": "2026-01-01T00:00:01Z", "code": "record_refused", "detail": "too long"}
    return DeadLetter(lane=lane, sequence=sequence, revision=revision, **(given | fields))


async def places(letters, where=EVERY_LETTER, after=None, limit=100) -> list[tuple[str, int]]:
    return [(one.lane, one.sequence) for one in await letters.find(where, after=after, limit=limit)]


async def count(letters) -> int:
    return sum(cause.records for cause in await letters.causes())


async def test_a_letter_is_kept_whole(letters):
    odd = letter("a", 2**60, 2**63 - 1, key="🌍'\\", record=bytes(range(256)) * 4000, detail="x\x1a\n" * 1000)
    odd = msgspec.structs.replace(odd, kind=FrameKind.DELETE, base_revision=2**62)
    await letters.add([odd])

    assert await letters.get(odd.id) == odd
    assert await letters.find(limit=10) == (odd,)


async def test_an_absent_letter_is_none(letters):
    await letters.add([letter("a", 1)])

    assert await letters.get(LetterId("a", 2, 1)) is None
    assert await letters.get(LetterId("b", 1, 1)) is None
    assert await letters.get(LetterId("a", 1, 2)) is None


async def test_a_letter_added_twice_is_there_once_and_stays_as_it_was(letters):
    await letters.add([letter("a", 1), letter("a", 1, detail="again")])
    await letters.add([letter("a", 1, failed_at="2026-02-02T00:00:00Z")])

    assert await letters.find(limit=9) == (letter("a", 1),)


async def test_letters_are_found_in_order_of_their_ids_page_by_page(letters):
    await letters.add([letter(lane, sequence) for lane in "cab" for sequence in (10, 9, 2)])
    every = [(lane, sequence) for lane in "abc" for sequence in (2, 9, 10)]
    in_b = LetterFilter(lane="b")

    assert await places(letters) == every
    assert await places(letters, limit=2) == every[:2]
    assert await places(letters, after=LetterId("a", 10, 1)) == every[3:]
    assert await places(letters, after=LetterId("a", 10, 0)) == every[2:]
    assert await places(letters, after=LetterId("a", 9, 1), limit=3) == every[2:5]
    assert await places(letters, in_b) == every[3:6]
    assert await places(letters, in_b, after=LetterId("b", 2, 1)) == every[4:6]
    assert await places(letters, in_b, after=LetterId("a", 9, 1)) == every[3:6]
    assert await places(letters, in_b, after=LetterId("c", 1, 1)) == []
    assert await places(letters, LetterFilter(lane="d")) == []


async def test_letters_are_found_by_cause_key_and_time(letters):
    await letters.add(
        [
            letter("a", 1, code="x", key="k", failed_at="2026-01-01T00:00:00+00:00"),
            letter("a", 2, code="y", key="k", failed_at="2026-01-01T00:00:00.000001+00:00"),
            letter("b", 3, code="x", key="l", failed_at="2026-01-01T00:00:01+00:00"),
        ]
    )

    assert await places(letters, LetterFilter(code="x")) == [("a", 1), ("b", 3)]
    assert await places(letters, LetterFilter(code="x", lane="a")) == [("a", 1)]
    assert await places(letters, LetterFilter(key="k")) == [("a", 1), ("a", 2)]
    assert await places(letters, LetterFilter(key="k", code="y", lane="a")) == [("a", 2)]
    assert await places(letters, LetterFilter(before="2026-01-01T00:00:00.000001+00:00")) == [("a", 1)]
    assert await places(letters, LetterFilter(before="2026-01-01T00:00:01+00:00")) == [("a", 1), ("a", 2)]


async def test_a_page_ends_before_it_has_too_many_bytes_but_has_one_letter_at_least(letters):
    await letters.add([letter("a", n, record=b"x" * 1000) for n in range(1, 6)])
    weight = 1000 + LETTER_WEIGHT

    for room, found in ((1, 1), (weight, 1), (2 * weight - 1, 1), (2 * weight, 2), (99 * weight, 5)):
        assert len(await letters.find(limit=9, max_bytes=room)) == found


async def test_a_removed_letter_is_gone_and_removing_it_again_says_so(letters):
    await letters.add([letter("a", 1), letter("a", 2), letter("a", 3)])
    ids = [LetterId("a", 1, 1), LetterId("a", 2, 1)]

    assert await letters.remove(ids) == 2
    assert await letters.remove(ids) == 0
    assert await letters.remove([]) == 0
    assert await places(letters) == [("a", 3)]


async def test_a_purge_takes_what_matches_piece_by_piece(letters):
    await letters.add([letter("a", n, code="x" if n % 2 else "y") for n in range(1, 11)])

    assert await letters.purge(LetterFilter(code="x"), limit=3) == 3
    assert await letters.purge(LetterFilter(code="x"), limit=3) == 2
    assert await letters.purge(LetterFilter(code="x"), limit=3) == 0
    assert await places(letters) == [("a", n) for n in range(2, 11, 2)]
    assert await letters.purge(EVERY_LETTER, limit=100) == 5


async def test_letters_are_counted_by_cause(letters):
    await letters.add([letter("b", 1, code="x"), letter("a", 1, code="y"), letter("a", 2, code="x", record=b"12345")])
    await letters.add([letter("a", 3, code="y")])
    await letters.add([])

    assert await letters.causes() == (
        LetterCause("a", "x", 1, LETTER_WEIGHT + 5),
        LetterCause("a", "y", 2, 2 * (LETTER_WEIGHT + 7)),
        LetterCause("b", "x", 1, LETTER_WEIGHT + 7),
    )


async def test_a_letter_of_a_log_that_began_again_does_not_replace_the_former_one(letters):
    former, later = letter("a", 1, 10, key="former"), letter("a", 1, 20, key="later")
    await letters.add([former])
    await letters.add([later])

    assert await letters.find(limit=9) == (former, later)
    assert await letters.remove([later.id]) == 1
    assert await letters.find(limit=9) == (former,)


@pytest.mark.parametrize("bounds", [LetterBounds(max_records=3), LetterBounds(max_bytes=3 * (LETTER_WEIGHT + 7))])
async def test_a_full_store_keeps_what_it_has_and_takes_nothing_new(letters, bounds):
    letters.bounds = bounds
    await letters.add([letter("a", 1), letter("a", 2)])
    await letters.add([letter("b", 1), letter("b", 2)])  # below the bound: a batch is taken whole
    with pytest.raises(DeadLettersFull, match="4 of "):
        await letters.add([letter("a", 1), letter("a", 3)])
    assert await count(letters) == 4
    await letters.add([letter("a", 1), letter("b", 2)])  # what is there already is safe, and a batch repeated goes on

    await letters.remove([LetterId("a", 1, 1), LetterId("a", 2, 1)])
    await letters.add([letter("a", 3)])
    assert await count(letters) == 3


async def test_concurrent_additions_lose_nothing(letters):
    await asyncio.gather(*(letters.add([letter("a", n), letter("b", n // 2)]) for n in range(40)))

    assert len(await letters.find(LetterFilter(lane="a"), limit=99)) == 40
    assert len(await letters.find(LetterFilter(lane="b"), limit=99)) == 20


async def test_letters_are_values(letters):
    await letters.add([letter("a", 1)])

    assert msgspec.json.encode(await letters.get(LetterId("a", 1, 1))) == msgspec.json.encode(letter("a", 1))

"""The query language, stated by hand on every backend."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from domain.errors import InvalidParameter
from domain.model.query import (
    EXACT_COUNT_LIMIT,
    And,
    Condition,
    CountMode,
    Filter,
    Not,
    Operator,
    Or,
    Query,
    Sort,
    ordered,
)
from domain.model.translation import TASKS
from persistence_contract.library import WORDS, library
from persistence_contract.records import at, record, tombstone


def keys(result) -> list[str]:
    return [item.key for item in result.items]


async def found(backend, where: Filter) -> list[str]:
    result = await backend.query(TASKS, Query(filter=where, sort=(Sort("task_id"),), limit=1000, count=CountMode.EXACT))
    assert result.total == len(result.items)
    assert result.total_exact
    return keys(result)


CASES = [
    (Condition("priority", Operator.EQ, (0,)), "ab"),
    (Condition("priority", Operator.NE, (0,)), "cd"),
    (Condition("batch_id", Operator.EQ, ("x",)), "a"),
    (Condition("batch_id", Operator.NE, ("x",)), "bcd"),  # null is not x
    (Condition("batch_id", Operator.IN, ("x", "y")), "ab"),
    (Condition("batch_id", Operator.NIN, ("x",)), "bcd"),
    (Condition("batch_id", Operator.IN, ()), ""),
    (Condition("batch_id", Operator.NIN, ()), "abcd"),
    (Condition("batch_id", Operator.ISNULL, (True,)), "cd"),
    (Condition("batch_id", Operator.ISNULL, (False,)), "ab"),
    (Condition("batch_id", Operator.LT, ("y",)), "a"),  # null matches no comparison
    (Condition("batch_id", Operator.LTE, ("y",)), "ab"),
    (Condition("batch_id", Operator.GTE, ("",)), "ab"),
    (Not(Condition("batch_id", Operator.LT, ("y",))), "bcd"),  # and so its complement matches null
    (Not(Condition("batch_id", Operator.EQ, ("x",))), "bcd"),
    (Not(Condition("batch_id", Operator.ISNULL, (True,))), "ab"),
    (Condition("priority", Operator.BETWEEN, (-1, 0)), "abd"),
    (Condition("priority", Operator.BETWEEN, (1, -1)), ""),
    (Condition("source_text", Operator.CONTAINS, ("%",)), "b"),
    (Condition("source_text", Operator.CONTAINS, ("_",)), "c"),
    (Condition("source_text", Operator.CONTAINS, ("H",)), "a"),  # case counts
    (Condition("source_text", Operator.CONTAINS, ("",)), "abcd"),
    (Condition("source_text", Operator.PREFIX, ("5%",)), "b"),
    (Condition("source_text", Operator.PREFIX, ("h",)), ""),
    (Condition("source_text", Operator.PREFIX, ("",)), "abcd"),
    (Condition("translated_text", Operator.CONTAINS, ("",)), "a"),
    (Condition("source_text", Operator.GT, ("H",)), "acd"),
    (Condition("created_at", Operator.LT, (at(1),)), "a"),
    (Condition("created_at", Operator.EQ, (at(1),)), "b"),
    (Condition("updated_at", Operator.GTE, (datetime(2020, 1, 1, tzinfo=UTC),)), "abcd"),
    (Condition("status", Operator.NIN, ("pending",)), "d"),
    (And(()), "abcd"),
    (Or(()), ""),
    (Not(And(())), ""),
    (Not(Or(())), "abcd"),
    (And((Condition("priority", Operator.EQ, (0,)), Condition("batch_id", Operator.EQ, ("y",)))), "b"),
    (Or((Condition("priority", Operator.EQ, (1,)), Condition("batch_id", Operator.EQ, ("y",)))), "bc"),
    (Not(Or((Condition("priority", Operator.EQ, (1,)), Condition("batch_id", Operator.LT, ("y",))))), "bd"),
]


@pytest.mark.parametrize(("where", "expected"), CASES, ids=[str(number) for number in range(len(CASES))])
async def test_each_operator_means_what_the_language_says(backend, where, expected):
    await backend.write(
        TASKS,
        [
            record("a", 0, 1, 0, batch_id="x", source_text="Hello", translated_text="t", priority=0),
            record("b", 0, 2, 1, batch_id="y", source_text="5% off", priority=0),
            record("c", 0, 3, 2, source_text="a_b", priority=1),
            record("d", 0, 4, 3, source_text="ü", priority=-1, status="failed"),
            tombstone("e", 0, 5, 0),
        ],
    )

    assert "".join(await found(backend, where)) == expected


@pytest.mark.parametrize("word", WORDS)
async def test_parts_of_text_are_literals_by_code_point(backend, word):
    await backend.write(TASKS, library())
    texts = {one.key: str(one.values[4]) for one in library() if one.deleted_at is None}

    contains = await found(backend, Condition("source_text", Operator.CONTAINS, (word,)))
    prefix = await found(backend, Condition("source_text", Operator.PREFIX, (word,)))
    above = await found(backend, Condition("source_text", Operator.GT, (word,)))

    assert contains == sorted(key for key, text in texts.items() if word in text)
    assert prefix == sorted(key for key, text in texts.items() if text.startswith(word))
    assert above == sorted(key for key, text in texts.items() if text > word)


@pytest.mark.parametrize("operand", [0, 1, False, True, None, 1.0, b"a", [], {}])
@pytest.mark.parametrize("operator", [Operator.EQ, Operator.NE, Operator.IN, Operator.CONTAINS])
async def test_a_text_field_is_never_compared_with_anything_but_text(backend, operand, operator):
    with pytest.raises(InvalidParameter):
        await found(backend, Condition("source_text", operator, (operand,)))


@pytest.mark.parametrize(
    "condition",
    [
        Condition("priority", Operator.EQ, (True,)),
        Condition("priority", Operator.EQ, ("1",)),
        Condition("priority", Operator.EQ, (2**40,)),
        Condition("priority", Operator.CONTAINS, ("1",)),
        Condition("created_at", Operator.EQ, ("2026-01-01",)),
        Condition("created_at", Operator.EQ, (datetime(2026, 1, 1),)),  # naive on purpose
        Condition("batch_id", Operator.ISNULL, (1,)),
        Condition("batch_id", Operator.BETWEEN, ("a",)),
        Condition("batch_id", Operator.EQ, ()),
        Condition("batch_id", Operator.EQ, ("\ud800",)),
        Condition("revision", Operator.EQ, (1,)),
        Condition('status" OR 1=1 --', Operator.EQ, ("a",)),
        Or(tuple(Condition("priority", Operator.EQ, (number,)) for number in range(201))),
        Condition("priority", Operator.IN, tuple(range(10_001))),
    ],
)
async def test_what_is_not_a_checked_filter_is_refused_by_name(backend, condition):
    with pytest.raises(InvalidParameter):
        await found(backend, condition)


@pytest.mark.parametrize("sort", [(), (Sort("status"),), (Sort("nothing"), Sort("task_id"))])
async def test_a_sort_must_be_of_declared_fields_and_end_with_the_key(backend, sort):
    with pytest.raises(InvalidParameter):
        await backend.query(TASKS, Query(sort=sort))


async def test_as_many_conditions_as_a_filter_may_have_are_answered(backend):
    await backend.write(TASKS, [record("a", priority=150)])
    many = tuple(Condition("priority", Operator.EQ, (number,)) for number in range(200))

    assert await found(backend, Or(many)) == ["a"]
    assert await found(backend, And(tuple(map(Not, many)))) == []
    assert await found(backend, Condition("priority", Operator.IN, tuple(range(10_000)))) == ["a"]


async def test_null_sorts_lowest_and_ties_follow_the_sort_key_before(backend):
    await backend.write(TASKS, [record("a", batch_id="x"), record("b"), record("c", batch_id="x"), record("d")])
    rising = Query(sort=ordered(TASKS, Sort("batch_id")))
    falling = Query(sort=ordered(TASKS, Sort("batch_id", descending=True)))

    assert keys(await backend.query(TASKS, rising)) == ["b", "d", "a", "c"]
    assert keys(await backend.query(TASKS, falling)) == ["c", "a", "d", "b"]


async def test_a_page_says_whether_more_follows(backend):
    await backend.write(TASKS, [record(key) for key in "abc"])
    first = await backend.query(TASKS, Query(sort=(Sort("task_id"),), limit=2))
    rest = await backend.query(TASKS, Query(sort=(Sort("task_id"),), limit=2, offset=2))
    exact = await backend.query(TASKS, Query(sort=(Sort("task_id"),), limit=3))

    assert (keys(first), first.more, first.total) == (["a", "b"], True, 3)
    assert (keys(rest), rest.more, rest.total) == (["c"], False, 3)
    assert not exact.more


async def test_a_total_counts_the_filter_and_not_the_page(backend):
    await backend.write(TASKS, [record(key) for key in "abcd"])
    query = Query(sort=(Sort("task_id"),), limit=1, after=("b",), count=CountMode.EXACT)

    assert (await backend.query(TASKS, query)).total == 4
    uncounted = await backend.query(TASKS, msgspec.structs.replace(query, count=CountMode.NONE))
    assert (uncounted.total, uncounted.total_exact) == (None, False)


@pytest.mark.slow
async def test_beyond_the_limit_a_count_is_an_estimate_that_is_near(backend):
    size = 12_000
    for start in range(0, size, 1000):
        numbers = range(start, start + 1000)
        await backend.write(TASKS, [record(f"k{n:06}", revision=n, priority=n % 2, retry_count=n % 6) for n in numbers])

    async def total(where: Filter) -> tuple[int, bool]:
        query = Query(filter=where, sort=(Sort("task_id"),), count=CountMode.ESTIMATED)
        answer = await backend.query(TASKS, query)
        return answer.total, answer.total_exact

    assert await total(Condition("priority", Operator.EQ, (1,))) == (6000, True)
    estimate, exact = await total(Condition("retry_count", Operator.LT, (6,)))
    assert exact or estimate > EXACT_COUNT_LIMIT
    assert abs(estimate - size) <= size / 10
    fewer, exact = await total(Condition("retry_count", Operator.LT, (5,)))
    assert (fewer, exact) == (10_000, True)

"""The query language, counting and scanning: stated by hand on every backend, then compared with memory at random."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.backend import MemoryBackend
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
from domain.model.records import Record
from domain.model.translation import TASKS
from ports.abilities import Counting, Scanning
from tests.contract.abilities import with_ability
from tests.contract.records import at, record, tombstone

WORDS = [
    *("", "a", "A", "ab", "abc", "á", "a\u0301", "b", "z", "%", "_", "a%", "a_c", "\\", "'", '"', "\x1a", "é"),
    *("🌍", "🌍a", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "\U0010ffff\U0010ffff", "1", "true", "null", " a", "a "),
]
STATUSES = ["pending", "processing", "completed", "failed"]


def library() -> list[Record]:
    """Seventy records with ties, nulls and odd texts, and some tombstones."""
    chance = random.Random(20261124)
    records = [
        record(
            f"k{number:02}{chance.choice(WORDS)}",
            chance.randint(0, 3),
            number + 1,
            chance.randint(-2, 2) / 2,
            session_id=chance.choice("rst"),
            batch_id=chance.choice([None, "b", "c"]),
            status=chance.choice(STATUSES),
            source_text=chance.choice(WORDS),
            translated_text=chance.choice([None, *WORDS]),
            error_message=chance.choice([None, "", "a", "%"]),
            priority=chance.randint(-1, 1),
            retry_count=chance.randint(0, 2),
        )
        for number in range(70)
    ]
    dead = [tombstone(f"k{number:02}dead", 1, number) for number in range(70, 76)]
    return sorted(records + dead, key=lambda one: one.key)


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
    (Condition("source_text", Operator.GT, ("H",)), "abcd"[:1] + "cd"),
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


@with_ability(Counting)
async def test_counts_by_value_leave_out_tombstones_nulls_and_empty_groups(backend):
    await backend.write(
        TASKS, [record("a"), record("b", status="failed", batch_id="x"), record("c", priority=2), tombstone("d")]
    )

    assert dict(await backend.count_by(TASKS, "status", And(()))) == {"pending": 2, "failed": 1}
    assert dict(await backend.count_by(TASKS, "batch_id", And(()))) == {"x": 1}
    assert dict(await backend.count_by(TASKS, "priority", And(()))) == {"0": 2, "2": 1}
    assert dict(await backend.count_by(TASKS, "status", Condition("priority", Operator.EQ, (9,)))) == {}
    with pytest.raises(InvalidParameter):
        await backend.count_by(TASKS, "nothing", And(()))


@with_ability(Scanning)
async def test_a_scan_visits_every_visible_record_once_in_key_order(backend):
    records = [record(f"k{number:05}", priority=number % 2, revision=number) for number in range(2345)]
    for start in range(0, len(records), 1000):
        await backend.write(TASKS, records[start : start + 1000])
    await backend.write(TASKS, [tombstone("k00007", 9, 9)])
    odd = Condition("priority", Operator.EQ, (1,))

    portions = [portion async for portion in backend.scan(TASKS, odd)]

    assert all(0 < len(portion) <= 1000 for portion in portions)
    seen = [one for portion in portions for one in portion]
    assert seen == [one for one in records if one.values[8] == 1 and one.key != "k00007"]
    assert [portion async for portion in backend.scan(TASKS, Or(()))] == []


@with_ability(Scanning)
async def test_a_scan_that_is_left_early_harms_nothing(backend):
    await backend.write(TASKS, [record(f"k{number:03}", revision=number) for number in range(1000)])
    await backend.write(TASKS, [record("z")])
    scan = backend.scan(TASKS, And(()))
    await anext(scan)
    await scan.aclose()

    assert (await backend.write(TASKS, [record("z", 1, 2)])).applied == 1


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


OPERANDS = {
    "task_id": st.sampled_from([f"k{n:02}" for n in range(0, 70, 9)] + WORDS),
    "session_id": st.sampled_from(["r", "s", "t", "", "rs"]),
    "batch_id": st.sampled_from(["b", "c", "", "bb"]),
    "status": st.sampled_from(STATUSES),
    "source_text": st.sampled_from(WORDS),
    "translated_text": st.sampled_from(WORDS),
    "error_message": st.sampled_from(["", "a", "%", "b"]),
    "metadata": st.sampled_from(["{}", "{", ""]),
    "priority": st.integers(-2, 2),
    "retry_count": st.integers(-1, 3),
    "created_at": st.sampled_from([at(n / 2) for n in range(-3, 4)]),
    "updated_at": st.sampled_from([at(n) for n in range(-1, 5)]),
}
TEXTS = {field for field in OPERANDS if field not in ("priority", "retry_count", "created_at", "updated_at")}


@st.composite
def conditions(draw) -> Condition:
    field = draw(st.sampled_from(list(OPERANDS)))
    parts = [Operator.CONTAINS, Operator.PREFIX]
    operator = draw(st.sampled_from([o for o in Operator if field in TEXTS or o not in parts]))
    if operator is Operator.ISNULL:
        return Condition(field, operator, (draw(st.booleans()),))
    count = {Operator.BETWEEN: 2, Operator.IN: draw(st.integers(0, 3)), Operator.NIN: draw(st.integers(0, 3))}
    values = draw(st.tuples(*[OPERANDS[field]] * count.get(operator, 1)))
    return Condition(field, operator, values)


filters = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
sorts = st.lists(
    st.builds(Sort, st.sampled_from([f for f in OPERANDS if f != "task_id"]), st.booleans()),
    max_size=3,
    unique_by=lambda sort: sort.field,
)


@st.composite
def queries(draw) -> Query:
    sort = draw(sorts)
    last = draw(st.one_of(st.just(ordered(TASKS, *sort)[-1]), st.builds(Sort, st.just("task_id"), st.booleans())))
    return Query(filter=draw(filters), sort=(*sort, last), limit=draw(st.integers(1, 40)), count=CountMode.EXACT)


def place(query: Query, one: Record) -> tuple:
    values = {"created_at": one.created_at, "updated_at": one.updated_at}
    values |= {field.name: value for field, value in zip(TASKS.data_fields, one.values, strict=True)}
    return tuple(values[sort.field] for sort in query.sort)


@pytest.fixture
async def twins(backend):
    """A backend and the reference, with the same records."""
    reference = MemoryBackend()
    for one in (backend, reference):
        await one.write(TASKS, library())
    return backend, reference


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=queries())
async def test_any_query_is_answered_as_in_memory_and_its_pages_visit_everything_once(twins, query):
    backend, reference = twins
    whole = await reference.query(TASKS, msgspec.structs.replace(query, limit=1000))
    seen: list[Record] = []
    page = query
    while True:
        answer = await backend.query(TASKS, page)
        assert answer.total == len(whole.items)
        seen.extend(answer.items)
        if not answer.more:
            break
        page = msgspec.structs.replace(query, after=place(query, answer.items[-1]))

    assert tuple(seen) == whole.items


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(where=filters)
async def test_a_filter_and_its_complement_share_nothing_and_leave_nothing_out(twins, where):
    backend, _ = twins
    one, other = await found(backend, where), await found(backend, Not(where))

    assert sorted(one + other) == [record.key for record in library() if record.deleted_at is None]


def test_the_library_has_ties_nulls_and_odd_texts():
    texts = {str(one.values[4]) for one in library()}
    assert len(texts) > 20
    assert any(one.values[2] is None for one in library())
    assert json.dumps(sorted(texts))

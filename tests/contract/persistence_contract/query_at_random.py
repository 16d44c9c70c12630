"""Random queries: every backend answers as memory does, and pages by cursor visit everything once."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.backend import MemoryBackend
from domain.model.query import And, Condition, CountMode, Filter, Not, Operator, Or, Query, Sort, ordered
from domain.model.records import Record
from domain.model.translation import TASKS
from persistence_contract.library import STATUSES, WORDS, library
from persistence_contract.records import at

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


async def found(backend, where: Filter) -> list[str]:
    result = await backend.query(TASKS, Query(filter=where, sort=(Sort("task_id"),), limit=1000))
    return [item.key for item in result.items]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(where=filters)
async def test_a_filter_and_its_complement_share_nothing_and_leave_nothing_out(twins, where):
    backend, _ = twins
    one, other = await found(backend, where), await found(backend, Not(where))

    assert sorted(one + other) == [record.key for record in library() if record.deleted_at is None]


def test_the_library_has_ties_nulls_and_odd_texts():
    texts = [one.values[4] for one in library()]
    assert len(texts) > len(set(texts)) > 20
    assert any(one.values[2] is None for one in library())

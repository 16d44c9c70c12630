"""The reference itself, against plain comparisons; the contract suite states the rest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.model.matching import behind, matcher, ranked
from domain.model.query import Condition, Not, Operator, Sort
from domain.model.translation import TASKS
from persistence_contract.records import record

batches = st.lists(st.sampled_from([None, "", "a", "b"]), max_size=8)


def records(values):
    return [record(f"k{number}", batch_id=value, revision=number) for number, value in enumerate(values)]


@given(batches, st.booleans(), st.booleans())
def test_each_record_is_followed_by_exactly_the_rest_of_the_order(values, descending, key_descending):
    sort = (Sort("batch_id", descending), Sort("task_id", key_descending))
    order = ranked(TASKS, sort, records(values))

    for number, one in enumerate(order):
        follows = behind(TASKS, sort, (one.values[2], one.key))
        assert [other for other in order if follows(other)] == order[number + 1 :]


@given(batches)
def test_null_is_the_lowest(values):
    rising = [one.values[2] for one in ranked(TASKS, (Sort("batch_id"),), records(values))]

    assert rising == sorted(values, key=lambda value: (value is not None, value or ""))


@given(st.sampled_from([None, "", "a", "b"]), st.sampled_from(list(Operator)))
def test_not_is_the_exact_complement(value, operator):
    operands = {Operator.ISNULL: (True,), Operator.BETWEEN: ("a", "b")}.get(operator, ("a",))
    term = Condition("batch_id", operator, operands)
    one = record("k", batch_id=value)

    assert matcher(TASKS, term)(one) is not matcher(TASKS, Not(term))(one)

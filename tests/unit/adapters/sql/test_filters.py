"""The parts of statements that no engine is needed for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sql.filters import Conditions, after_prefix
from adapters.sqlite.dialect import SQLITE
from domain.model.query import And, Condition, Not, Operator, Or, Sort
from domain.model.translation import TASKS

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(texts, texts)
def test_the_bound_behind_a_prefix_parts_those_that_have_it_from_those_that_do_not(prefix, text):
    bound = after_prefix(prefix)

    assert text.startswith(prefix) == (text >= prefix and (bound is None or text < bound))


@pytest.mark.parametrize(
    ("prefix", "bound"),
    [("a", "b"), ("az", "a{"), ("", None), ("\U0010ffff", None), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000")],
)
def test_the_bound_behind_a_prefix_is_the_next_text_of_its_length_or_shorter(prefix, bound):
    assert after_prefix(prefix) == bound


def where(term) -> tuple[str, list]:
    conditions = Conditions(TASKS, SQLITE)
    return conditions.sql(conditions.visible(term)), conditions.parameters


def test_values_never_stand_in_the_text():
    poison = "'; DROP TABLE translation_tasks; --"
    text, parameters = where(
        And((Condition("status", Operator.EQ, (poison,)), Condition("source_text", Operator.CONTAINS, (poison,))))
    )

    assert poison not in text
    assert parameters == [poison, poison]


def test_parameters_stand_in_the_order_of_their_placeholders():
    text, parameters = where(
        Or(
            (
                Condition("status", Operator.IN, ("a", "b")),
                Not(Condition("batch_id", Operator.BETWEEN, ("c", "d"))),
                Not(And((Condition("session_id", Operator.PREFIX, ("e",)), Condition("priority", Operator.GT, (5,))))),
            )
        )
    )

    assert text.count("?") == len(parameters)
    assert parameters == ["a", "b", "c", "d", "e", "f", 5]


def test_nothing_but_tombstones_is_left_out_of_everything():
    assert where(And(())) == ("`deleted_at` IS NULL", [])


def test_null_is_named_only_where_a_field_can_be_null():
    assert "IS NULL OR" not in where(Condition("status", Operator.NE, ("a",)))[0]
    assert where(Condition("batch_id", Operator.NE, ("a",)))[0].endswith("(`batch_id`<>? OR `batch_id` IS NULL)")


def test_a_place_among_uniform_keys_is_one_row_comparison():
    conditions = Conditions(TASKS, SQLITE)
    rising = conditions.behind((Sort("status"), Sort("task_id")), ("a", "k"))
    assert conditions.sql(rising) == "(`status`,`task_id`)>(?,?)"

    conditions = Conditions(TASKS, SQLITE)
    falling = conditions.behind((Sort("batch_id", True), Sort("task_id", True)), ("a", "k"))
    assert "`batch_id` IS NULL" in conditions.sql(falling)  # null follows every text when the order falls
    assert conditions.parameters == ["a", "a", "k"]

"""The advice that a slow query is answered with."""

from __future__ import annotations

import pytest

from adapters.sql.queries import index_advice
from domain.model.query import EVERYTHING, And, Condition, Not, Operator, Query, Sort, ordered
from domain.model.translation import TASKS

LANG = Condition("target_lang", Operator.EQ, ("de",))
TEXT = Condition("source_text", Operator.CONTAINS, ("x",))
SESSION = Condition("session_id", Operator.EQ, ("s",))


@pytest.mark.parametrize(
    ("where", "sort", "advice"),
    [
        (LANG, Sort("priority"), "An index on translation_tasks (target_lang, priority) is missing."),
        (And((TEXT, LANG)), Sort("created_at"), "An index on translation_tasks (target_lang, created_at) is missing."),
        (EVERYTHING, Sort("priority"), "An index on translation_tasks (priority) is missing."),
        (TEXT, None, "An index on translation_tasks (source_text) is missing."),
        (SESSION, Sort("created_at"), "Its index is there: narrow the filter."),
        (SESSION, None, "Its index is there: narrow the filter."),
        (EVERYTHING, None, "Its index is there: narrow the filter."),
        (Not(LANG), None, "Its index is there: narrow the filter."),
    ],
)
def test_a_missing_index_is_named_by_its_columns_in_order(where, sort, advice):
    query = Query(filter=where, sort=ordered(TASKS, *([sort] if sort else [])))

    assert index_advice(TASKS, query) == advice

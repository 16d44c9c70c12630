from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from domain.errors import InvalidCursor, InvalidParameter
from domain.model.query import And, Condition, CountMode, Operator, QueryResult, Sort
from domain.model.records import Record
from domain.model.translation import SESSIONS, TASKS
from entrypoints.http.list_parameters import next_cursor, next_link, parse

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def asked(query="", *fixed, collection=TASKS):
    return parse(collection, parse_qsl(query, keep_blank_values=True), *fixed)


def terms(query):
    return asked(query).query.filter.terms


def test_without_parameters_it_is_the_first_page_of_everything():
    found = asked()
    assert (found.page, found.fields, found.strong) == (1, None, False)
    assert (found.query.filter, found.query.limit, found.query.offset) == (And(()), 20, 0)
    assert (found.query.count, found.query.sort) == (CountMode.ESTIMATED, (Sort("task_id"),))


def test_what_the_address_demands_comes_first():
    of_session = Condition("session_id", Operator.EQ, ("s1",))
    assert asked("status=pending", of_session).query.filter.terms[0] == of_session


@pytest.mark.parametrize(
    ("query", "operands"),
    [
        ("batch_id__in=a,b", ("a", "b")),
        ("batch_id__in=a", ("a",)),
        ("batch_id__in=", ("",)),
        ("batch_id__in=a,", ("a", "")),
        (r"batch_id__in=a\,b,c", ("a,b", "c")),
        (r"batch_id__in=a\\,b", ("a\\", "b")),
        (r"batch_id__in=\a", ("a",)),
        ("batch_id__nin=a,b&batch_id__nin=c", ("a", "b", "c")),
        ("batch_id__between=a&batch_id__between=b", ("a", "b")),
    ],
)
def test_lists_of_values_are_split_at_commas_that_are_not_escaped(query, operands):
    (term,) = terms(query)
    assert term.operands == operands


def test_a_backslash_that_escapes_nothing_is_refused():
    with pytest.raises(InvalidParameter, match="backslash"):
        terms("batch_id__in=a\\")


def test_commas_and_backslashes_of_a_single_value_stand_for_themselves():
    assert terms(r"batch_id=a\,b")[0].operands == (r"a\,b",)


def test_several_conditions_on_a_field_must_all_hold():
    assert [term.operator for term in terms("priority__gt=1&priority__lt=5&priority__ne=2&priority__ne=3")] == [
        "gt",
        "lt",
        "ne",
        "ne",
    ]


def test_dates_bound_the_creation():
    first, second = terms("from_date=2026-01-01&to_date=2026-01-31")
    assert first == Condition("created_at", Operator.GTE, (datetime(2026, 1, 1, tzinfo=UTC),))
    assert second == Condition("created_at", Operator.LT, (datetime(2026, 2, 1, tzinfo=UTC),))


def test_pages_end_where_cursors_begin():
    assert asked("page=100&page_size=1000").query.offset == 99_000
    with pytest.raises(InvalidParameter, match="cursor"):
        asked("page=101&page_size=1000")


def test_the_revision_can_be_shown_but_not_fetched():
    found = asked("fields=status,revision")
    assert (found.fields, found.query.fields) == (("status", "revision"), ("status",))


def test_more_than_200_conditions_are_refused():
    with pytest.raises(InvalidParameter, match="200"):
        asked("&".join(f"priority__ne={i}" for i in range(201)))


def record(task_id, priority):
    values = {"task_id": task_id, "session_id": "s", "status": "pending", "priority": priority}
    return Record(tuple(values.get(f.name, f.default) for f in TASKS.data_fields), MOMENT, MOMENT, 1)


def page(*records, more):
    return QueryResult(items=records, total=None, total_exact=False, more=more)


def test_a_cursor_leads_behind_the_last_item_of_the_same_query():
    query = "sort_by=priority,created_at&order=desc&status=pending"
    first = asked(query)
    cursor = next_cursor(TASKS, first, page(record("a", 9), record("b", 7), more=True))
    following = asked(f"{query}&cursor={cursor}&page_size=3")
    assert following.query.after == (7, MOMENT, "b")
    assert (following.page, following.query.limit, following.query.offset) == (None, 3, 0)
    assert following.query.count is CountMode.NONE
    assert asked(f"{query}&cursor={cursor}&count=exact").query.count is CountMode.EXACT
    for other in ("sort_by=priority,created_at&order=asc&status=pending", "status=pending", query + "&priority=1"):
        with pytest.raises(InvalidCursor):
            asked(f"{other}&cursor={cursor}")


def test_the_last_page_has_no_cursor():
    assert next_cursor(TASKS, asked(), page(record("a", 1), more=False)) is None
    assert next_cursor(TASKS, asked(), page(more=False)) is None


def test_the_link_keeps_the_parameters_but_the_place():
    found = asked("page=3&status=pending&batch_id=%26%20%3E", collection=TASKS)
    assert next_link("/x", found, "CUR") == '</x?status=pending&batch_id=%26+%3E&cursor=CUR>; rel="next"'


def test_control_words_stand_once():
    for query in ("page=1&page=1", "fields=status&fields=status", "cursor=a&cursor=b"):
        with pytest.raises(InvalidParameter, match="twice"):
            asked(query)


def test_sessions_are_newest_first():
    assert asked(collection=SESSIONS).query.sort == (Sort("created_at", True), Sort("session_id", True))

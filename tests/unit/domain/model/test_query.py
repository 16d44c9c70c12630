"""Cursors are bound to their query; sort keys are completed; filters are checked."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidCursor, InvalidParameter
from domain.model.query import (
    Anchor,
    And,
    Condition,
    Not,
    Operator,
    Or,
    Query,
    Sort,
    check_filter,
    conditions,
    decode_cursor,
    encode_cursor,
    ordered,
    values_at,
)
from domain.model.translation import SESSIONS, TASKS

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
SORT = (Sort("created_at", descending=True), Sort("task_id", descending=True))
QUERY = Query(sort=SORT)
FIELDS = (TASKS.by_name["created_at"], TASKS.by_name["task_id"])
TEXTS = (TASKS.by_name["source_text"], TASKS.by_name["task_id"])
NUMBERS = (TASKS.by_name["priority"], TASKS.by_name["task_id"])
CURSOR = encode_cursor(QUERY, (NOON, "a🌍'"))

moments = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)


@given(moments | st.none(), texts)
def test_a_cursor_is_read_back_as_it_was_given(moment, key):
    assert decode_cursor(QUERY, encode_cursor(QUERY, (moment, key)), FIELDS) == (moment, key)


def test_long_values_stay_out_of_a_cursor_and_are_sealed_in_it():
    values = ("x" * 500_000, "key")
    text = encode_cursor(QUERY, values)
    anchor = decode_cursor(QUERY, text, TEXTS)
    assert len(text) < 100
    assert isinstance(anchor, Anchor)
    assert (anchor.key, values_at(QUERY, anchor, values)) == ("key", values)
    for other in (None, ("x" * 499_999, "key"), ("x" * 500_000, "other")):
        with pytest.raises(InvalidCursor):
            values_at(QUERY, anchor, other)
    with pytest.raises(InvalidCursor):
        values_at(Query(sort=SORT, filter=Condition("status", Operator.EQ, ("pending",))), anchor, values)
    with pytest.raises(InvalidCursor):
        decode_cursor(QUERY, text + "A", TEXTS)
    surrogate = base64.urlsafe_b64encode(b'["\\ud800","\\ud800"]').rstrip(b"=").decode()
    with pytest.raises(InvalidCursor):
        decode_cursor(QUERY, surrogate, TEXTS)


def test_a_cursor_needs_no_escaping_in_an_address():
    assert CURSOR.replace("-", "").replace("_", "").isalnum()


@settings(max_examples=300)
@given(st.integers(0, len(CURSOR) - 1), st.characters(codec="ascii"))
def test_an_edited_cursor_is_refused(place, character):
    edited = CURSOR[:place] + character + CURSOR[place + 1 :]
    if edited != CURSOR:
        with pytest.raises(InvalidCursor):
            decode_cursor(QUERY, edited, FIELDS)


@pytest.mark.parametrize(
    "text",
    ["", "=", "a", "é", "\x00", CURSOR[:-1], CURSOR[:-2], CURSOR + "A", CURSOR + "==", CURSOR + "===", "W10", "bnVsbA"],
)
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(InvalidCursor):
        decode_cursor(QUERY, text, FIELDS)


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_text_does_more_than_be_refused(text):
    with pytest.raises(InvalidCursor):
        decode_cursor(QUERY, text, FIELDS)


@pytest.mark.parametrize(
    "other",
    [
        Query(sort=(Sort("created_at"), Sort("task_id"))),
        Query(sort=(Sort("updated_at", descending=True), Sort("task_id", descending=True))),
        Query(sort=SORT, filter=Condition("status", Operator.EQ, ("pending",))),
    ],
)
def test_a_cursor_of_another_filter_or_sort_is_refused(other):
    with pytest.raises(InvalidCursor):
        decode_cursor(other, CURSOR, FIELDS)


def test_a_cursor_goes_with_any_page_of_its_query():
    assert decode_cursor(Query(sort=SORT, limit=7, fields=("status",)), CURSOR, FIELDS) == (NOON, "a🌍'")


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ((NOON, None), FIELDS),  # no record has a null key
        ((2**70, "a"), NUMBERS),
        ((NOON.replace(tzinfo=None), "a"), FIELDS),
        ((1, "a"), FIELDS),
        (("text", "a"), NUMBERS),
        (("a",), FIELDS),
        ((NOON, "a", "b"), FIELDS),
    ],
)
def test_the_content_of_a_forged_cursor_is_checked_like_any_filter(values, fields):
    forged = encode_cursor(QUERY, values)

    with pytest.raises(InvalidCursor):
        decode_cursor(QUERY, forged, fields)


def test_the_key_completes_a_sort_in_the_direction_of_the_last_one():
    assert ordered(TASKS) == (Sort("task_id"),)
    assert ordered(TASKS, Sort("status")) == (Sort("status"), Sort("task_id"))
    assert ordered(SESSIONS, Sort("created_at", descending=True))[-1] == Sort("session_id", descending=True)
    assert ordered(TASKS, Sort("status"), Sort("task_id", descending=True))[-1] == Sort("task_id", descending=True)


def test_conditions_are_found_in_order_wherever_they_stand():
    one, two, three = (Condition("status", Operator.EQ, (word,)) for word in ("a", "b", "c"))

    assert list(conditions(And((one, Not(Or((two, And(())))), three)))) == [one, two, three]


def test_a_checked_filter_passes():
    check_filter(
        TASKS,
        And(
            (
                Condition("created_at", Operator.BETWEEN, (NOON, NOON + timedelta(1))),
                Condition("priority", Operator.IN, (1, 2, 3)),
                Condition("batch_id", Operator.ISNULL, (False,)),
                Condition("metadata", Operator.CONTAINS, ("🌍",)),
            )
        ),
    )


def test_an_unknown_field_is_named():
    with pytest.raises(InvalidParameter, match="translation_tasks has no field 'nothing'"):
        check_filter(TASKS, Not(Condition("nothing", Operator.EQ, ("a",))))

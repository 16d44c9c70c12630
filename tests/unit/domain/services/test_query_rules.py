from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.errors import InvalidParameter
from domain.model.query import Condition, Operator, Sort
from domain.model.translation import SESSIONS, TASKS
from domain.services import query_rules as rules


def field(name):
    return rules.field_of(TASKS, name)


def test_an_unknown_field_is_named_beside_the_known_ones():
    with pytest.raises(InvalidParameter, match=r"`colour`.*task_id, session_id"):
        rules.field_of(TASKS, "colour")


def test_parts_of_a_value_are_for_text_only():
    assert rules.operator_of(field("source_text"), "contains") is Operator.CONTAINS
    assert rules.operator_of(field("status"), "prefix") is Operator.PREFIX
    for name in ("priority", "created_at"):
        with pytest.raises(InvalidParameter, match="there are: eq, ne, lt"):
            rules.operator_of(field(name), "prefix")
    with pytest.raises(InvalidParameter, match="like"):
        rules.operator_of(field("status"), "like")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("priority", "-2147483648", -(2**31)),
        ("priority", "2147483647", 2**31 - 1),
        ("priority", "007", 7),
        ("status", "failed", "failed"),
        ("source_text", "", ""),
        ("task_id", "a,b", "a,b"),
        ("metadata", '{"a": 1}', '{"a": 1}'),
        ("created_at", "2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("created_at", "2026-11-24T16:30:00+02:00", datetime(2026, 11, 24, 14, 30, tzinfo=UTC)),
        ("created_at", "2026-11-24T16:30:00.000001Z", datetime(2026, 11, 24, 16, 30, 0, 1, tzinfo=UTC)),
    ],
)
def test_values_take_their_fields_type(name, text, value):
    found = rules.operand(field(name), text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("priority", "2147483648"),
        ("priority", "9" * 5000),
        ("priority", "1.0"),
        ("priority", "+1"),
        ("priority", " 1"),
        ("priority", "1_0"),
        ("priority", "\u0661"),
        ("priority", "false"),
        ("priority", ""),
        ("status", "done"),
        ("status", ""),
        ("source_text", "a\0"),
        ("source_text", "\ud800"),
        ("created_at", "24.11.2026"),
        ("created_at", "2026-11-24 16:30:00Z"),
        ("created_at", "2026-11-24T16:30:00"),
        ("created_at", "2026-11-24T16:30:00 02:00"),
        ("created_at", "2026-11-24T24:00:00Z"),
        ("created_at", "2026-11-24T16:30:00.0000001Z"),
        ("created_at", "9999-12-31T23:59:59-23:59"),
        ("created_at", "0000-01-01"),
    ],
)
def test_values_that_no_record_can_have_are_refused_with_the_fields_name(name, text):
    with pytest.raises(InvalidParameter, match=f"`{name}`"):
        rules.operand(field(name), text)


def test_conditions_count_their_values():
    assert rules.condition(field("priority"), Operator.BETWEEN, ["1", "2"]) == Condition(
        "priority", Operator.BETWEEN, (1, 2)
    )
    assert rules.condition(field("batch_id"), Operator.ISNULL, ["false"]).operands == (False,)
    assert rules.condition(field("status"), Operator.CONTAINS, ["pend"]).operands == ("pend",)
    for operator, texts in (
        (Operator.EQ, []),
        (Operator.LT, ["1", "2"]),
        (Operator.BETWEEN, ["1"]),
        (Operator.BETWEEN, ["1", "2", "3"]),
        (Operator.IN, []),
        (Operator.IN, ["1"] * 10_001),
        (Operator.ISNULL, ["1"]),
        (Operator.ISNULL, []),
    ):
        with pytest.raises(InvalidParameter, match="`priority`"):
            rules.condition(field("priority"), operator, texts)


def test_the_end_of_a_bare_date_is_the_next_day():
    assert rules.end_of("to_date", "2026-12-31") == datetime(2027, 1, 1, tzinfo=UTC)
    assert rules.end_of("to_date", "2026-12-31T01:00:00Z") == datetime(2026, 12, 31, 1, tzinfo=UTC)
    with pytest.raises(InvalidParameter, match="`to_date`"):
        rules.end_of("to_date", "9999-12-31")


@pytest.mark.parametrize(
    ("names", "directions", "sort"),
    [
        ([], [], "+task_id"),
        ([], ["desc"], "-task_id"),
        (["status"], [], "+status +task_id"),
        (["status"], ["desc"], "-status -task_id"),
        (["status", "priority"], ["desc"], "-status -priority -task_id"),
        (["status", "priority"], ["desc", "asc"], "-status +priority +task_id"),
        (["status", "task_id", "priority"], [], "+status +task_id"),
    ],
)
def test_a_sort_ends_with_the_key(names, directions, sort):
    found = rules.sort_of(TASKS, names, directions)
    assert " ".join(f"{'-' if key.descending else '+'}{key.field}" for key in found) == sort


def test_sessions_come_newest_first_unless_told_otherwise():
    assert rules.sort_of(SESSIONS, [], []) == (Sort("created_at", True), Sort("session_id", True))
    assert rules.sort_of(SESSIONS, [], ["asc"])[0] == Sort("created_at", False)


@pytest.mark.parametrize(
    ("names", "directions"),
    [(["colour"], []), (["status", "status"], []), (["status"], ["up"]), (["status"], ["asc", "desc"]), ([""], [])],
)
def test_an_impossible_sort_is_refused(names, directions):
    with pytest.raises(InvalidParameter):
        rules.sort_of(TASKS, names, directions)


def test_a_projection_takes_declared_fields_and_the_revision_once():
    assert rules.projection(TASKS, ["status", "revision", "status"]) == ("status", "revision")
    for names in (["colour"], [""], ["deleted_at"]):
        with pytest.raises(InvalidParameter, match="revision"):
            rules.projection(TASKS, names)


def test_keys_in_addresses_keep_the_identifiers_rule():
    assert rules.checked_key(TASKS, "a/b ü") == "a/b ü"
    for key in ("", "a" * 65, "\U0001f600" * 64, "a\0", "a\x7f", "a\x85", "\ud800"):
        with pytest.raises(InvalidParameter, match="task's id"):
            rules.checked_key(TASKS, key)

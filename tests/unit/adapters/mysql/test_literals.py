"""Values as SQL text; the round trip through real servers is in tests/integration/mysql."""

from __future__ import annotations

import pytest

from adapters.mysql.literals import literal, tuple_literal, with_values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (0, "0"),
        (-(2**63), "-9223372036854775808"),
        ("", "''"),
        ("it's", "'it''s'"),
        ("\\", r"'\\'"),
        ("\\'", r"'\\'''"),
        ("'; DROP TABLE x; -- ", "'''; DROP TABLE x; -- '"),
        ("a\nb\0c\x1ad%_", "'a\nb\0c\x1ad%_'"),
        (b"", "x''"),
        (b"\x00'\xff", "x'0027ff'"),
    ],
)
def test_each_value_has_one_text(value, text):
    assert literal(value) == text


@pytest.mark.parametrize("value", [True, 1.5, object(), ("a",)], ids=lambda value: type(value).__name__)
def test_what_is_no_value_of_a_column_is_refused(value):
    with pytest.raises(TypeError, match=type(value).__name__):
        literal(value)


def test_a_row_is_its_values_in_parentheses():
    assert tuple_literal(("é'", None, 7)) == b"('\xc3\xa9''',NULL,7)"


@pytest.mark.parametrize("value", ["\ud800", "a\udc00b", "\udcbf'"])
def test_a_lone_surrogate_is_refused(value):
    with pytest.raises(ValueError, match="surrogates not allowed"):
        tuple_literal((value,))
    with pytest.raises(ValueError, match="surrogates not allowed"):
        with_values("SELECT %s", [value])


def test_values_take_their_places_and_are_not_looked_into():
    assert with_values("SELECT %s, %s, '%%'", ["%s", None]) == b"SELECT '%s', NULL, '%'"
    assert with_values("SHOW TABLES LIKE 'a%'", []) == b"SHOW TABLES LIKE 'a%'"
    with pytest.raises(TypeError):
        with_values("SELECT %s", ["a", "b"])

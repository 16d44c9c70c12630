from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from domain.errors import InvalidParameter
from entrypoints.http import preconditions


def request(*headers):
    return make_mocked_request("GET", "/", CIMultiDict(headers))


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ((), None),
        (("*",), ["*"]),
        (('"a"',), ["a"]),
        ((' "a" ,"b,c",\t"" ',), ["a", "b,c", ""]),
        (('"a"', '"b"'), ["a", "b"]),
        (('W/"a", "b"',), ["b"]),
        (('W/"a"',), []),
        (('"a.1f"',), ["a"]),
    ],
)
def test_if_match_gives_the_strong_tags(values, tags):
    assert preconditions.if_match(request(*[("If-Match", value) for value in values])) == tags


@pytest.mark.parametrize("value", ["", "a", '"a', 'a"', '"a""b"', '"a" "b"', '"a",', ',"a"', '*,"a"', 'w/"a"', '"a b"'])
def test_what_is_no_list_of_tags_is_refused(value):
    with pytest.raises(InvalidParameter, match="If-Match"):
        preconditions.if_match(request(("If-Match", value)))


@pytest.mark.parametrize(
    ("value", "unchanged"), [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"a.1"', False)]
)
def test_if_none_match_compares_weakly_and_whole(value, unchanged):
    assert preconditions.is_unchanged(request(("If-None-Match", value)), "a") is unchanged
    assert preconditions.is_unchanged(request(), "a") is False


def test_conditions_that_are_not_looked_at_are_refused():
    preconditions.refuse(request(("If-Match", "*")), "If-None-Match")
    with pytest.raises(InvalidParameter):
        preconditions.refuse(request(("If-Match", "*")), "If-None-Match", "If-Match")

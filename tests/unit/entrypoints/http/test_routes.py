from __future__ import annotations

import re

import pytest

from entrypoints.http.route import RESERVED
from entrypoints.http.routes import ROUTES


def test_no_address_stands_twice():
    rows = [(route.method, route.template) for route in ROUTES]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.template.endswith("_id}")],
    ids=lambda route: f"{route.method} {route.template}",
)
def test_reserved_words_are_no_ids(route):
    pattern = re.search(r":(.+)\}", route.pattern)[1]
    assert route.reserved == (("replay",) if "dead-letters" in route.template else RESERVED)
    for word in route.reserved:
        assert re.fullmatch(pattern, word) is None
        assert re.fullmatch(pattern, word + "1")

"""Each failure of the catalogue is answered by something that exists, or says why not."""

from __future__ import annotations

import pytest

from tests.catalogued import exists
from tests.torture.catalogue import FAILURES, Failure
from tests.torture.rows import ROWS

NUMBERS = {
    "F": (*range(1, 16), *range(20, 36), *range(40, 46)),
    "S": range(1, 8),
    "N": range(1, 7),
    "D": range(1, 10),
    "R": range(1, 6),
    "K": range(1, 5),
    "P": range(1, 3),
    "T": range(1, 4),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_each_answer_is_there(failure: Failure) -> None:
    for test in failure.tests:
        assert exists(test), test
    for begin in failure.rows:
        assert any(row.name.startswith(begin) for row in ROWS), begin
    assert failure.tests or failure.rows or failure.missing


def test_no_number_is_left_out() -> None:
    expected = {
        f"{kind}{number:02}" if kind == "F" else f"{kind}{number}" for kind in NUMBERS for number in NUMBERS[kind]
    }
    assert FAILURES.keys() ^ expected == set()

"""Each attempt of the catalogue is answered by tests that exist, or says why not; the documentation says the same."""

from __future__ import annotations

import pytest

from tests.catalogued import exists
from tests.security.catalogue import ATTEMPTS, Attempt
from tests.security.document import DOCUMENT, document


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_each_answer_is_there(attempt: Attempt) -> None:
    for test in attempt.tests:
        assert exists(test), test
    assert attempt.tests or attempt.missing


def test_no_number_is_left_out() -> None:
    assert [*ATTEMPTS] == [f"S{number}" for number in range(1, 49)]


def test_the_page_is_the_catalogue() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "`python -m tests.security --document` renews it"

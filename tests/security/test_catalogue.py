"""Each attempt of the catalogue is answered by tests that exist, or says why not; the documentation says the same."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.security.catalogue import ATTEMPTS, Attempt
from tests.security.document import DOCUMENT, document

TESTS = Path(__file__).parents[1]


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_each_answer_is_there(attempt: Attempt) -> None:
    for test in attempt.tests:
        file, _, name = test.partition("::")
        assert name in functions(TESTS / file), test
    assert attempt.tests or attempt.missing


def test_no_number_is_left_out() -> None:
    assert [*ATTEMPTS] == [f"S{number}" for number in range(1, 49)]


def test_the_page_is_the_catalogue() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "`python -m tests.security --document` renews it"

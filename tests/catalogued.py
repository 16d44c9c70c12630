"""Whether the tests that a catalogue names are there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent


def exists(test: str) -> bool:
    """``test``: ``folder/file.py::test``, below this folder."""
    file, _, name = test.partition("::")
    return name in _functions(TESTS / file)


@cache
def _functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

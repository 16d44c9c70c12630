"""The catalogue as a page of the documentation."""

from __future__ import annotations

from pathlib import Path

from tests.security.catalogue import ATTEMPTS

DOCUMENT = Path(__file__).parents[2] / "ops" / "docs" / "security.md"
_HEAD = """# What hostile callers get

`make security` runs the tests of this table and prints what became of each. It is written in
`tests/security/catalogue.py`; `python -m tests.security --document` renews this page.

| | attempt | answer | tests |
|---|---|---|---|
"""


def document() -> str:
    """The whole page."""
    rows = []
    for number, attempt in ATTEMPTS.items():
        tests = "<br>".join(f"`{test}`" for test in attempt.tests) or "none"
        missing = f"<br>*But: {attempt.missing}.*" if attempt.missing else ""
        rows.append(f"| {number} | {attempt.what} | {attempt.answer}{missing} | {tests} |\n")
    return _HEAD + "".join(rows)

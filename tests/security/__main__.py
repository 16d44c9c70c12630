"""Run every test of the catalogue, and print what became of each attempt.

python -m tests.security              # exit 1 where a test failed, or did not run
python -m tests.security --document   # renew ops/docs/security.md instead
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.security.catalogue import ATTEMPTS
from tests.security.document import DOCUMENT, document

TESTS = Path(__file__).parents[1]


class Outcomes:
    """A plugin of pytest that keeps how each test ended, by file and name; of several cases the worst."""

    def __init__(self) -> None:
        self._ended: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test is over."""
        test = report.nodeid.removeprefix("tests/").partition("[")[0]
        if report.failed or (report.skipped and self._ended.get(test) != "failed"):
            self._ended[test] = report.outcome
        elif report.when == "call":
            self._ended.setdefault(test, report.outcome)

    def of(self, tests: Iterable[str]) -> str:
        """One word for all of them."""
        found = {self._ended.get(test, "not run") for test in tests}
        return next((word for word in ("failed", "not run", "skipped", "passed") if word in found), "-")


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--document", action="store_true")
    if parser.parse_args().document:
        DOCUMENT.write_text(document(), encoding="utf-8")
        return 0
    outcomes = Outcomes()
    chosen = dict.fromkeys(str(TESTS / test) for attempt in ATTEMPTS.values() for test in attempt.tests)
    code = pytest.main(["-q", "-p", "no:cacheprovider", *chosen], plugins=[outcomes])
    for number, attempt in ATTEMPTS.items():
        sys.stdout.write(f"{number:>4}  {outcomes.of(attempt.tests):8} {attempt.what}\n{'':15}{attempt.answer}\n")
        for test in attempt.tests:
            sys.stdout.write(f"{'':15}{outcomes.of([test]):8} {test}\n")
        if attempt.missing:
            sys.stdout.write(f"{'':15}but      {attempt.missing}\n")
    ended = Counter(outcomes.of(attempt.tests) for attempt in ATTEMPTS.values())
    words = {"passed": "answered", "-": "without anything to test", "skipped": "skipped in part or whole"}
    counts = ", ".join(f"{number} {words.get(word, word)}" for word, number in ended.most_common())
    sys.stdout.write(f"{len(ATTEMPTS)} attempts: {counts}\n")
    return int(code) or int("not run" in ended)


if __name__ == "__main__":
    sys.exit(main())

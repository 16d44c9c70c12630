"""Patterns that strangers' texts meet before anybody knows who asks: none makes a service stand still."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.e2e.service import REPOSITORY

SECONDS = 30.0  # what goes back over its steps takes minutes, or for ever


@pytest.mark.parametrize(
    "work",
    [
        'from entrypoints.http.call import _TRACESTATE; _TRACESTATE.fullmatch("a=b" + " ," * 100 + "A")',
        'from entrypoints.http.call import _TRACESTATE; _TRACESTATE.fullmatch("a=b" + "  ," * 31 + "A" * 9000)',
        'from entrypoints.http.door import _TOKEN; _TOKEN.search("eyJ" * 300_000)',
        'from entrypoints.http.door import _TOKEN; _TOKEN.search("eyJaaaaaaaa." * 100_000)',
        'from entrypoints.http.door import _KEY; _KEY.search("ps_" * 300_000)',
        'from entrypoints.http.door import _CALLED_SO; _CALLED_SO.search("&apikey" * 100_000)',
    ],
)
def test_an_evil_text_is_judged_in_no_time(work: str) -> None:
    subprocess.run([sys.executable, "-c", work], cwd=REPOSITORY, check=True, timeout=SECONDS)

"""The kill loop with a few kills on each server; ``make torture`` runs it with many, on the embedded default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.kill_loop import kill_loop

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("store", ["mariadb", "mysql", "postgres"], indirect=True)
async def test_nothing_acknowledged_is_lost_when_the_process_is_killed_under_load(
    tmp_path: Path, store: Mapping[str, str]
) -> None:
    outcome = await kill_loop(tmp_path, kills=6, seed=7, settings=store)
    assert outcome.faults == []
    assert outcome.report.lost == 0
    assert outcome.report.acknowledged > 1000

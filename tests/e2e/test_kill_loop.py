"""The kill loop with a few kills; ``make e2e KILLS=30 SEED=n`` runs it with many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.kill_loop import kill_loop

pytestmark = pytest.mark.slow


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed_under_load(tmp_path: Path) -> None:
    outcome = await kill_loop(tmp_path, kills=6, seed=7)
    assert outcome.faults == []
    assert outcome.report.lost == 0
    assert outcome.report.acknowledged > 1000

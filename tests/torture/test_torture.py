"""The short form: the rows that a run of every test has time for. ``make torture`` runs all of them, at full length."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.rows import ROWS
from tests.torture.trial import NotHere, Row, Trial

pytestmark = pytest.mark.slow

LEFT_OUT = (
    *("worker-killed", "database-stopped", "database-read-only", "sessions-killed", "no-sessions", "rows-locked"),
    *(
        "overlapping-writers-mysql",
        "shared-",
        "outage-",
        "database-full",
        "wire-",
        "replies-lost-postgres",
        "executed-then-late-mariadb",
    ),
)
SHORT = [row for row in ROWS if not row.name.startswith(LEFT_OUT)]


@pytest.mark.parametrize("row", SHORT, ids=lambda row: row.name)
async def test_nothing_acknowledged_is_lost_and_nothing_stale_comes_back(row: Row, tmp_path: Path) -> None:
    try:
        result = await row.run(Trial(folder=tmp_path, seed=7, amount=row.short, say=print))
    except NotHere as lack:
        pytest.skip(str(lack))
    assert result.faults == []  # ``slow`` is for a machine without other work: ``make torture``
    assert (result.lost, result.stale, result.unresolved) == (0, 0, 0)
    assert result.injected > 0


def test_each_row_has_a_name_of_its_own_and_a_line_about_it() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(0 < len(row.about) <= 120 and row.short <= row.full for row in ROWS)

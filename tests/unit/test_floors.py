"""No dependency is older than the release that closed what is known of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

OPS = Path(__file__).parents[2] / "ops"
FLOORS = {
    "aiohttp": (3, 14, 5),
    "aiomysql": (0, 3, 0),  # before it a server could read the client's files
    "pyjwt": (2, 13, 0),  # before it `crit` was passed over
    "pymysql": (1, 1, 3),
}


@pytest.mark.parametrize("lock", sorted(OPS.glob("requirements*.lock")), ids=lambda path: path.stem)
def test_no_dependency_is_below_its_floor(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pinned = dict(re.findall(r"(?m)^([a-z0-9-]+)==([0-9.]+)", text))
    assert pinned
    for name, floor in FLOORS.items():
        if name in pinned:
            assert tuple(map(int, pinned[name].split("."))) >= floor, f"{name} {pinned[name]}"


def test_every_dependency_is_pinned_by_its_hash() -> None:
    for lock in OPS.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        names = re.findall(r"(?m)^[a-z0-9-]+==", text)
        assert len(names) == len(re.findall(r"(?m)^[a-z0-9-]+==.* \\\n    --hash=sha256:[0-9a-f]{64}", text))

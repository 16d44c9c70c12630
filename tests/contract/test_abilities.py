"""The table of abilities, as the READMEs show it: ``pytest -s`` prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.http.abilities import ABILITIES as NAMES
from tests.contract.adapters import ABILITIES, OPTIONAL

ROOT = Path(__file__).parents[2]


def table() -> list[str]:
    """A line for each backend, below a line for each ability's name."""
    head = ["", *(f"`{name}`" for name in NAMES)]
    rows = [
        [f"`{kind}`", *("yes" if each in has else "-" for each in NAMES.values())] for kind, has in ABILITIES.items()
    ]
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def test_each_ability_has_a_name():
    assert set(NAMES.values()) == set(OPTIONAL)


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_table_of_abilities_stands_in_the_readme(readme):
    lines = table()
    print("", *lines, sep="\n")
    assert "\n".join(lines) in (ROOT / readme).read_text("utf-8")

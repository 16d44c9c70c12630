"""Print what a development installation needs, from ``pyproject.toml``: the input of ``make lock``."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
for requirement in (
    *project["project"]["dependencies"],
    *project["dependency-groups"]["dev"],
    *project["build-system"]["requires"],
):
    print(requirement)  # noqa: T201

"""Print what an installation with these dependency groups needs, by ``pyproject.toml``: the input of ``make lock``."""

import sys
import tomllib
from pathlib import Path

DRIVERS = ("mysql", "opensearch", "postgres", "redis", "s3", "tokens", "tracing")  # that the tests need

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
for requirement in (
    *project["project"]["dependencies"],
    *(driver for name in DRIVERS for driver in project["project"]["optional-dependencies"][name]),
    *(requirement for group in sys.argv[1:] for requirement in project["dependency-groups"][group]),
    *project["build-system"]["requires"],
):
    print(requirement)  # noqa: T201

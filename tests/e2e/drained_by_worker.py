"""The real service, but for one thing: a worker process drains SQLite, as it drains a database server."""

from __future__ import annotations

import sys

import msgspec

from adapters.sqlite.backend_type import SQLITE
from entrypoints import backend_types
from entrypoints.cli.app import run


def drain_by_worker() -> None:
    """From here on, in this process."""
    backend_types.BUILT_IN_TYPES = {
        **backend_types.BUILT_IN_TYPES,
        "sqlite": msgspec.structs.replace(SQLITE, drain="process"),
    }


if __name__ == "__main__":
    drain_by_worker()
    sys.exit(run(["serve", *sys.argv[1:]]))

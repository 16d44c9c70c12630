"""The backends that the main job must pass on, unchanged."""

from __future__ import annotations

import pytest

from tests.servers import Database

on_every_store = pytest.mark.parametrize("store", ["sqlite", "mariadb", "mysql", "postgres"], indirect=True)


def settings_of(kind: str, database: Database) -> dict[str, str]:
    """The environment that says: everything is kept in this database."""
    main = "PERSISTENCE__BACKENDS__MAIN__"
    return {f"{main}TYPE": kind, f"{main}DSN": database.dsn, f"{main}POOL_MIN": "2", f"{main}POOL_MAX": "20"}

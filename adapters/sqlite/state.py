"""``state.db``: what outlives the journal's segments, in one small file beside it."""

from __future__ import annotations

from pathlib import Path

from adapters.sqlite.database import Database
from sql import migrations


def state_database(path: Path) -> Database:
    """The resource that the dead letters, the receipts and the revision ceiling of a data folder share."""
    return Database(path, migrations("state"))

"""A SQLite backend on a file of its own."""

from __future__ import annotations

import pytest

from adapters.sqlite.backend import SqliteBackend
from domain.model.built_in import BUILT_IN


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def backend(path):
    adapter = SqliteBackend(path, BUILT_IN)
    await adapter.open()
    yield adapter
    await adapter.close()

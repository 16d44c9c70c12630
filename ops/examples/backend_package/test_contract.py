"""Whether the backend keeps the contract: every test of the service's own suite, on this one fixture."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from persistence_jsonfile.backend import JsonFileBackend

from persistence_contract.suite import *  # noqa: F403


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[JsonFileBackend]:
    """An open backend without records."""
    backend = JsonFileBackend(tmp_path / "records.json")
    await backend.open()
    yield backend
    await backend.close()

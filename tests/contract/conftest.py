"""One fixture a port, parametrised over its adapters."""

from __future__ import annotations

import pytest

from tests.contract.abilities import BACKENDS, STATES


@pytest.fixture(params=list(BACKENDS))
async def backend(request, tmp_path):
    """An open, empty storage backend."""
    adapter = BACKENDS[request.param](tmp_path)
    await adapter.open()
    yield adapter
    await adapter.close()


@pytest.fixture(params=list(STATES))
async def state(request, tmp_path):
    """Open, empty dead letters, receipts and revision ceiling."""
    adapter = STATES[request.param](tmp_path)
    await adapter.open()
    yield adapter
    await adapter.close()

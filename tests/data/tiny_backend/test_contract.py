"""The contract, on a backend without any optional ability."""

import pytest
from persistence_tiny import TinyBackend, TinySettings

from persistence_contract.suite import *  # noqa: F403


@pytest.fixture
async def backend():
    """A backend without records."""
    return TinyBackend(TinySettings())

"""The suite's fixtures, as a pytest plugin."""

from __future__ import annotations

import pytest

from ports.abilities import ConditionalWrites, Counting, Dumping, Expiring, Rewriting, Scanning, UniqueFields
from ports.migrating import Migrating

_MODULES = (
    *(
        "abilities",
        "conditional_writes",
        "expiring",
        "migrating",
        "query",
        "query_at_random",
        "rewriting",
        "storage_backend",
        "unique_fields",
    ),
    "wire",
)
pytest.register_assert_rewrite(*(f"persistence_contract.{name}" for name in _MODULES))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds")


def _able(backend, ability: type):
    if not isinstance(backend, ability):
        pytest.skip(f"{type(backend).__name__} lacks the ability {ability.__name__}")
    return backend


@pytest.fixture
async def conditional(backend):
    """The backend as one that takes conditional writes."""
    return _able(backend, ConditionalWrites)


@pytest.fixture
async def unique(backend):
    """The backend as one that keeps unique fields, and takes conditional writes."""
    return _able(_able(backend, UniqueFields), ConditionalWrites)


@pytest.fixture
async def counting(backend):
    """The backend as one that counts by value."""
    return _able(backend, Counting)


@pytest.fixture
async def expiring(backend):
    """The backend as one that removes what is old."""
    return _able(backend, Expiring)


@pytest.fixture
async def scanning(backend):
    """The backend as one that gives whole results."""
    return _able(backend, Scanning)


@pytest.fixture
async def dumping(backend):
    """The backend as one that gives everything as it is stored."""
    return _able(backend, Dumping)


@pytest.fixture
async def rewriting(backend):
    """The backend as one that puts other texts in the place of stored ones."""
    return _able(backend, Rewriting)


@pytest.fixture
async def migrating(backend):
    """The backend as one whose schema is brought forward."""
    return _able(backend, Migrating)


@pytest.fixture
async def wire(backend):
    """What stands between the backend and its server; a package whose backend has one overrides this.

    ``cut(sent=n)``: from now on a connection dies once ``n`` bytes went to the server; ``cut(received=n)``: once ``n``
    came back, so that a statement may have run unseen. ``mend()``: as before.
    """
    pytest.skip(f"{type(backend).__name__} has no wire that could be cut")

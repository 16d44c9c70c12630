"""One service in a folder of its own, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.api import Api
from tests.e2e.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Not started yet; ended when the test is, whatever happens."""
    service = Service(tmp_path)
    yield service
    service.kill()


@pytest.fixture
async def api(service: Service) -> AsyncIterator[Api]:
    """A client of the service, whichever process serves it."""
    async with Api(service.url) as api:
        yield api

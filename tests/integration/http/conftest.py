from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.http.running import Running, running


@pytest.fixture
async def service() -> AsyncIterator[Running]:
    async with running() as found:
        yield found

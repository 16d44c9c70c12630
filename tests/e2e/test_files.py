"""Files through the real process with bounded memory; `tests/torture/faults_of_files.py` kills it in uploads."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.e2e.service import Service

ADDRESS = "/api/v1/storage/files"
MIB = 1024 * 1024
PIECE = bytes(MIB)
GROWTH_KIB = 32 * 1024

large = pytest.mark.skipif(
    os.environ.get("PERSISTENCE_LARGE_FILES") != "1", reason="takes minutes and 5 GiB: set PERSISTENCE_LARGE_FILES=1"
)


@pytest.mark.slow
@pytest.mark.parametrize("mebibytes", [300, pytest.param(5120, marks=large)])
async def test_a_large_file_goes_in_and_out_with_bounded_memory(service: Service, mebibytes: int) -> None:
    await service.start()
    whole = hashlib.sha256()
    async with aiohttp.ClientSession(service.url, timeout=aiohttp.ClientTimeout(total=None)) as session:

        async def sent(pieces: int) -> AsyncIterator[bytes]:
            for _ in range(pieces):
                whole.update(PIECE)
                yield PIECE

        async def put(pieces: int) -> dict[str, object]:
            async with session.put(f"{ADDRESS}/large", data=sent(pieces)) as response:
                assert response.status in (200, 201), await response.text()
                return await response.json()

        async def got() -> str:
            found = hashlib.sha256()
            async with session.get(f"{ADDRESS}/large") as response:
                async for piece in response.content.iter_chunked(MIB):
                    found.update(piece)
            return found.hexdigest()

        await put(8)
        await got()  # what every upload and download needs is loaded
        before = service.peak_kib()
        whole = hashlib.sha256()
        record = await put(mebibytes)
        assert (record["size"], record["sha256"]) == (mebibytes * MIB, whole.hexdigest())
        assert await got() == whole.hexdigest()
    assert service.peak_kib() - before < GROWTH_KIB
    assert await service.stop() == 0

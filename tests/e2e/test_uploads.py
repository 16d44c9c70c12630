"""Resumable uploads through the real process, which is killed in the middle, on a disk and over a bucket."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from adapters.localdisk.object_store import LocalDiskObjectStore
from adapters.minio.object_store import MinioObjectStore
from domain.model.uploads import PIECE_BYTES
from entrypoints.filing import build_objects
from entrypoints.settings import load_settings
from tests.e2e.api import Lost
from tests.e2e.buckets import bucket_of, settings_of_bucket
from tests.e2e.service import Service
from tests.e2e.tus import TusClient

pytestmark = pytest.mark.slow
FILES = "/api/v1/storage/files"
MIB = 1024 * 1024
CONTENT = b"".join(random.Random(number).randbytes(MIB) for number in range(26))
KILLS = 2
PATIENCE = 120.0


@pytest.fixture(params=["disk", "bucket"])
def settings(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Where the service keeps its files."""
    return {} if request.param == "disk" else settings_of_bucket(bucket_of(request.getfixturevalue("minio")))


@pytest.fixture
async def service(tmp_path: Path, settings: Mapping[str, str]) -> AsyncIterator[Service]:
    async with Service(tmp_path, settings=settings) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[TusClient]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        session._retry_connection = False
        yield TusClient(session, service.url, CONTENT)


async def reached(client: TusClient, place: str, offset: int) -> None:
    """Wait until so much is durable."""
    async with asyncio.timeout(PATIENCE):
        while await client.offset(place) < offset:  # noqa: ASYNC110  # another process's
            await asyncio.sleep(0.05)


async def test_an_upload_goes_on_behind_kills_and_becomes_the_file_that_was_sent(service, settings, client) -> None:
    chance = random.Random(5)
    place = await client.begin("f1")
    request = asyncio.create_task(client.stall(place, 0, 20 * MIB))
    await reached(client, place, 2 * PIECE_BYTES)
    service.kill()
    with suppress(Lost):
        await request
    await service.start()
    offset = await client.offset(place)
    assert 2 * PIECE_BYTES <= offset <= 20 * MIB  # what was durable is, and nothing that was not sent

    for _ in range(KILLS):  # at any moment: in a piece, and while the file is made of them
        request = asyncio.create_task(client.send(place, offset))
        await asyncio.sleep(chance.uniform(0.05, 0.6))
        service.kill()
        await asyncio.gather(request, return_exceptions=True)
        await service.start()
        before, offset = offset, await client.offset(place)
        assert offset >= before
    await client.finish(place)

    async with aiohttp.ClientSession() as session, session.get(f"{service.url}{FILES}/f1") as response:
        assert response.status == 200
        assert hashlib.sha256(await response.read()).digest() == hashlib.sha256(CONTENT).digest()
    assert await service.stop() == 0
    pieces = [name for name in await kept(service, settings) if name.startswith("upload-")]
    assert sorted(name.rpartition("-")[2] for name in pieces if not name[-1].isdecimal()) == ["done", "plan"]


async def kept(service: Service, settings: Mapping[str, str]) -> list[str]:
    """The names of all objects."""
    store = build_objects(load_settings(environ=settings, flags={"data_dir": str(service.data_dir)}))
    assert isinstance(store, LocalDiskObjectStore | MinioObjectStore)
    await store.open()
    try:
        return [found.name async for portion in store.list() for found in portion]
    finally:
        await store.close()

"""Files of instances that share a buffer: in a bucket that all reach, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import io
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from domain.model.uploads import PIECE_BYTES
from tests.e2e.api import Api, Lost
from tests.e2e.buckets import bucket_of, settings_of_bucket
from tests.e2e.service import Service
from tests.e2e.shared_loop import WorkerProcess, migrate, shared_settings
from tests.e2e.tus import TusClient

pytestmark = pytest.mark.slow
ADDRESS = "/api/v1/storage/files"
CONTENT = bytes(range(256)) * 100
LARGE = b"".join(number.to_bytes(4) for number in range(5_000_000))  # 20 MB
PATIENCE = 120.0


@pytest.fixture
def settings(databases, tmp_path):
    settings = shared_settings("mariadb", databases("mariadb"), databases("redis"))
    migrate(settings, tmp_path)
    return settings


async def put(api: Api, file_id: str, content: bytes, **headers: str) -> int:
    address = f"{api._url}{ADDRESS}/{file_id}"
    async with api._session.put(address, data=io.BytesIO(content), headers=headers) as response:
        return response.status


async def get(api: Api, file_id: str) -> tuple[int, bytes]:
    async with api._session.get(f"{api._url}{ADDRESS}/{file_id}") as response:
        return response.status, await response.read()


@pytest.fixture
async def instances(settings, tmp_path: Path, minio) -> AsyncIterator[tuple[Service, Service]]:
    """Two services over one buffer, one database and one bucket, and the worker that they need."""
    settings = settings | settings_of_bucket(bucket_of(minio))
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    worker = WorkerProcess(tmp_path, settings, 0)
    first, second = (Service(folder, settings=settings) for folder in folders)
    async with first, second:
        worker.spawn()
        await asyncio.to_thread(worker.settle)
        try:
            yield first, second
        finally:
            worker.end(signal.SIGKILL)


async def test_what_one_instance_keeps_another_one_gives(instances) -> None:
    first, second = instances
    async with Api(first.url) as one, Api(second.url) as other:
        assert await put(one, "f1", CONTENT) == 201
        assert await get(other, "f1") == (200, CONTENT)
        assert (await other.send("PATCH", f"{ADDRESS}/f1", body={"name": "a"})).status == 200
        assert (await one.send("GET", f"{ADDRESS}/f1/info")).body["name"] == "a"
        assert await put(other, "f1", b"new") == 200
        assert await get(one, "f1") == (200, b"new")
        tries = [put(api, "f2", f"{n}".encode(), **{"If-None-Match": "*"}) for n, api in enumerate((one, other))]
        assert sorted(await asyncio.gather(*tries)) == [201, 412]
        assert [await first.stop(), await second.stop()] == [0, 0]


async def test_an_upload_goes_on_at_another_instance_than_the_one_that_was_killed(instances) -> None:
    first, second = instances
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session, Api(second.url) as other:
        session._retry_connection = False
        one, another = (TusClient(session, service.url, LARGE) for service in instances)
        place = await one.begin("f1")
        request = asyncio.create_task(one.stall(place, 0, len(LARGE) - 1))
        async with asyncio.timeout(PATIENCE):
            while not await another.offset(place):  # noqa: ASYNC110  # another process's
                await asyncio.sleep(0.05)
        first.kill()
        with suppress(Lost):
            await request
        offset = await another.offset(place)
        assert PIECE_BYTES <= offset < len(LARGE)
        await another.finish(place)
        assert await get(other, "f1") == (200, LARGE)
        await first.start()
        assert await one.offset(place) == len(LARGE)


async def test_what_was_put_by_a_link_is_completed_at_another_instance(instances) -> None:
    first, second = instances
    async with Api(first.url) as one, Api(second.url) as other, aiohttp.ClientSession() as session:
        wanted = {"method": "PUT", "size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
        link = (await one.send("POST", f"{ADDRESS}/f1/links", body=wanted)).body
        address = URL(link["url"], encoded=True)
        async with session.put(address, data=CONTENT, headers=link["headers"]) as response:
            assert response.status == 200
        first.kill()
        assert (await other.send("POST", f"{link['upload']}/complete")).status == 200
        assert await get(other, "f1") == (200, CONTENT)
        await first.start()
        link = (await one.send("POST", f"{ADDRESS}/f1/links", body={"method": "GET"})).body
        async with session.get(URL(link["url"], encoded=True)) as response:
            assert (response.status, await response.read()) == (200, CONTENT)


async def test_without_a_bucket_it_is_said_that_a_disk_is_not_shared(settings, tmp_path: Path) -> None:
    service = Service(tmp_path, settings=settings)
    async with service, Api(service.url) as api:
        refused = await api.send("PUT", f"{ADDRESS}/f1", body=b"x")
        assert (refused.status, refused.code) == (501, "ability_missing")
        assert 'Set `objects.type = "s3"`' in refused.body["detail"]
        assert (await api.send("GET", "/api/v1/system/health")).body["objects"] is None

"""Files of instances that share a buffer: in a bucket that all reach, or not at all."""

from __future__ import annotations

import asyncio
import io
import signal
from pathlib import Path

import pytest

from tests.e2e.api import Api
from tests.e2e.service import Service
from tests.e2e.shared_loop import WorkerProcess, migrate, shared_settings

pytestmark = pytest.mark.slow
ADDRESS = "/api/v1/storage/files"
CONTENT = bytes(range(256)) * 100


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


async def test_what_one_instance_keeps_another_one_gives(settings, tmp_path: Path, minio) -> None:
    bucket = minio.settings()
    minio.create(bucket.bucket)
    place = "PERSISTENCE__OBJECTS__"
    settings = settings | {
        f"{place}TYPE": "s3",
        f"{place}ENDPOINT": bucket.endpoint,
        f"{place}BUCKET": bucket.bucket,
        f"{place}ACCESS_KEY": bucket.access_key.reveal(),
        f"{place}SECRET_KEY": bucket.secret_key.reveal(),
        f"{place}TLS": "false",
    }
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    worker = WorkerProcess(tmp_path, settings, 0)
    first, second = (Service(folder, settings=settings) for folder in folders)
    async with first, second, Api(first.url) as one, Api(second.url) as other:
        worker.spawn()
        await asyncio.to_thread(worker.settle)
        try:
            assert await put(one, "f1", CONTENT) == 201
            assert await get(other, "f1") == (200, CONTENT)
            assert await put(other, "f1", b"new") == 200
            assert await get(one, "f1") == (200, b"new")
            tries = [put(api, "f2", f"{n}".encode(), **{"If-None-Match": "*"}) for n, api in enumerate((one, other))]
            assert sorted(await asyncio.gather(*tries)) == [201, 412]
            assert [await first.stop(), await second.stop()] == [0, 0]
        finally:
            worker.end(signal.SIGKILL)


async def test_without_a_bucket_it_is_said_that_a_disk_is_not_shared(settings, tmp_path: Path) -> None:
    service = Service(tmp_path, settings=settings)
    async with service, Api(service.url) as api:
        refused = await api.send("PUT", f"{ADDRESS}/f1", body=b"x")
        assert (refused.status, refused.code) == (501, "ability_missing")
        assert 'Set `objects.type = "s3"`' in refused.body["detail"]
        assert (await api.send("GET", "/api/v1/system/health")).body["objects"] is None

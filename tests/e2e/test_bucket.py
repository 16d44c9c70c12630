"""Files in a bucket of a real store, through the real process: the store goes, and comes again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.api import Api
from tests.e2e.buckets import bucket_of, settings_of_bucket
from tests.e2e.service import Service
from tests.wire import Wire

ADDRESS = "/api/v1/storage/files"
CONTENT = bytes(range(256)) * 40_000  # 10 MB: an upload in parts
TASK = {"task_id": "t1", "session_id": "s1", "status": "pending", "source_text": "a"}
BATCH = {"tasks": [TASK | {"source_lang": "en", "target_lang": "de"}]}


@pytest.fixture
async def wire(minio) -> AsyncIterator[Wire]:
    async with Wire(minio.host, minio.port) as wire:
        yield wire


@pytest.fixture
def bucket_service(tmp_path: Path, minio, wire: Wire):
    bucket, place = bucket_of(minio, port=wire.port), "PERSISTENCE__OBJECTS__"
    impatient = {f"{place}CONNECT_SECONDS": "5", f"{place}READ_SECONDS": "5"}
    service = Service(tmp_path, settings=settings_of_bucket(bucket) | impatient)
    yield service
    service.kill()


async def put(api: Api, content: bytes = CONTENT, file_id: str = "f1"):
    async def pieces():
        for place in range(0, len(content), 500_000):
            yield content[place : place + 500_000]

    async with api._session.put(f"{api._url}{ADDRESS}/{file_id}", data=pieces()) as response:
        return response.status, await response.json(content_type=None)


async def get(api: Api, file_id: str = "f1", **headers: str) -> tuple[int, bytes]:
    async with api._session.get(f"{api._url}{ADDRESS}/{file_id}", headers=headers) as response:
        return response.status, await response.read()


async def health(api: Api):
    return (await api.send("GET", "/api/v1/system/health")).body


@pytest.mark.slow
async def test_files_in_a_bucket_and_an_outage_that_concerns_nothing_else(bucket_service: Service, wire: Wire) -> None:
    service = bucket_service
    async with Api(service.url) as api:
        await service.start()
        assert (await put(api))[0] == 201
        assert await get(api) == (200, CONTENT)
        assert await get(api, Range="bytes=9999990-10000010") == (206, CONTENT[9_999_990:10_000_011])
        assert (await put(api, b"", "empty"))[0] == 201
        assert await get(api, "empty") == (200, b"")
        assert (await health(api))["objects"]["healthy"]

        wire.cut(sent=0)
        assert (await put(api, b"new"))[1]["code"] == "backend_unavailable"
        assert (await get(api))[0] == 503
        assert (await api.send("POST", "/api/v1/translation/tasks/batch", body=BATCH)).status == 202
        assert (await api.send("GET", "/api/v1/translation/tasks/t1")).status == 200
        assert (await api.send("GET", f"{ADDRESS}/f1/info")).status == 200
        found = await health(api)
        assert (found["status"], found["objects"]["healthy"]) == ("degraded", False)
        assert (await api.send("GET", "/health/ready")).status == 200

        wire.mend()
        assert await get(api) == (200, CONTENT)
        assert (await put(api, b"new"))[0] == 200
        assert await get(api) == (200, b"new")
        assert await service.stop() == 0


@pytest.mark.slow
async def test_a_store_that_is_away_at_the_start_is_found_later(bucket_service: Service, wire: Wire) -> None:
    service = bucket_service
    wire.cut(sent=0)
    async with Api(service.url) as api:
        await service.start()
        assert (await put(api, b"early"))[1]["code"] == "backend_unavailable"
        wire.mend()
        async with asyncio.timeout(60):
            while "object_store_regained" not in service.log.read_text():  # noqa: ASYNC110  # another process's
                await asyncio.sleep(0.5)
        assert (await health(api))["objects"]["healthy"]
        assert (await put(api, b"late"))[0] == 201
        assert await get(api) == (200, b"late")
        assert await service.stop() == 0
    log = service.log.read_text()
    assert log.count("object_store_lost") == log.count("object_store_regained") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("BUCKET", "nowhere", "has no bucket 'nowhere'; make it first."),
        ("SECRET_KEY", "quite-wrong", "refuses these keys, or they have no right to bucket"),
        ("PUBLIC_ENDPOINT", "http://there", "objects.public_endpoint"),
    ],
)
async def test_a_bucket_that_cannot_be_used_ends_the_start_with_the_cure(
    bucket_service: Service, setting: str, value: str, said: str
) -> None:
    bucket_service._environment[f"PERSISTENCE__OBJECTS__{setting}"] = value
    bucket_service.spawn()
    assert await asyncio.to_thread(bucket_service.process.wait, 60) == 78
    log = bucket_service.log.read_text()
    assert (said in log, "quite-wrong" in log) == (True, False)

"""A bucket that cannot be used, a store that is not what it says, and what is left behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from minio import time as minio_time

from adapters.minio.object_store import MinioObjectStore
from adapters.minio.upload import PART_BYTES, Upload
from domain.errors import BackendUnavailable, InvalidConfiguration, ObjectExists
from domain.model.secret import Secret
from tests.wire import Wire


@pytest.fixture
def settings(minio):
    found = minio.settings()
    minio.create(found.bucket)
    return found


async def content(*pieces: bytes):
    for piece in pieces:
        yield piece


async def test_a_missing_bucket_is_named_at_the_start(minio):
    settings = minio.settings()

    with pytest.raises(InvalidConfiguration, match=f"has no bucket '{settings.bucket}'; make it first"):
        await MinioObjectStore(settings).open()


@pytest.mark.parametrize(
    "wrong", [{"secret_key": Secret("quite wrong")}, {"access_key": Secret("quite wrong")}], ids=["secret", "name"]
)
async def test_wrong_keys_end_the_start_and_are_not_shown(minio, wrong):
    with pytest.raises(InvalidConfiguration, match=r"objects\.access_key: .* refuses these keys") as refusal:
        await MinioObjectStore(minio.settings(**wrong)).open()
    assert "quite wrong" not in str(refusal.value)


@pytest.mark.parametrize(("hours", "place"), [(1, "ahead of"), (-1, "behind")])
async def test_a_clock_that_is_off_is_said_to_be_off(settings, monkeypatch, hours, place):
    store, late = MinioObjectStore(settings), MinioObjectStore(settings)
    await store.open()
    await store.put("ab-before", content(b"before"))
    right = minio_time.utcnow
    monkeypatch.setattr(minio_time, "utcnow", lambda: right() + timedelta(hours=hours))
    try:
        said = rf"the clock here is 3[56]\d\d s {place} the one there\. Set both right"
        for call in (store.put("ab-1", content(b"x")), store.stat("ab-before"), store.delete("ab-before"), late.open()):
            with pytest.raises(BackendUnavailable, match=said):
                await call
        for found in (await store.health_check(), await late.health_check()):
            assert (found.healthy, "Set both right" in found.detail) == (False, True)
        monkeypatch.undo()
        await late.open()
        assert [piece async for piece in late.get("ab-before")] == [b"before"]
    finally:
        await store.close()
        await late.close()


async def test_a_bucket_that_is_gone_is_named_in_every_answer(minio, settings):
    store = MinioObjectStore(settings)
    await store.open()
    try:
        await asyncio.to_thread(store._client.remove_bucket, settings.bucket)
        for call in (store.put("ab-1", content(b"x")), store.put("ab-2", content(bytes(3 * PART_BYTES)))):
            with pytest.raises(BackendUnavailable, match="refuses: NoSuchBucket"):
                await call
        found = await store.health_check()
        assert (found.healthy, f"has no bucket '{settings.bucket}'; make it first" in found.detail) == (False, True)
        await asyncio.to_thread(minio.create, settings.bucket)
        await store.put("ab-1", content(b"x"))
    finally:
        await store.close()


@pytest.mark.parametrize("endpoint", ["http://there", "there/path", "there:port", ""])
async def test_an_endpoint_that_is_none_is_named(minio, endpoint):
    with pytest.raises(InvalidConfiguration, match=r"objects\.endpoint"):
        await MinioObjectStore(minio.settings(endpoint=endpoint)).open()


@pytest.mark.parametrize("bucket", ["A", "a", ".."])
async def test_a_bucket_that_is_none_is_named(minio, bucket):
    with pytest.raises(InvalidConfiguration, match=r"objects\.bucket|has no bucket"):
        await MinioObjectStore(minio.settings(bucket=bucket)).open()


async def test_a_server_that_is_gone_is_said_to_be_gone(minio):
    with pytest.raises(BackendUnavailable, match="does not answer"):
        await MinioObjectStore(minio.settings(endpoint="127.0.0.1:9")).open()


async def test_opening_leaves_nothing_behind(settings):
    store = MinioObjectStore(settings)
    await store.open()
    try:
        assert [portion async for portion in store.list()] == []
        assert await open_uploads(store, settings) == 0
    finally:
        await store.close()


async def test_a_cut_upload_leaves_no_parts_in_the_bucket(settings):
    async def cut():
        yield bytes(3 * PART_BYTES)
        assert await open_uploads(store, settings) == 1
        raise ConnectionResetError

    store = MinioObjectStore(settings)
    await store.open()
    try:
        with pytest.raises(ConnectionResetError):
            await store.put("ab-cut", cut())
        assert await open_uploads(store, settings) == 0
    finally:
        await store.close()


async def test_a_store_that_goes_in_the_middle_of_an_upload_ends_it(minio):
    async with Wire(minio.host, minio.port) as wire:
        settings = minio.settings(port=wire.port, connect_seconds=1.0, read_seconds=1.0)
        minio.create(settings.bucket)
        store, given = MinioObjectStore(settings), 0

        async def parts():
            nonlocal given
            for given in range(100):
                if given == 3:
                    wire.cut(sent=0)
                yield bytes(PART_BYTES)

        await store.open()
        try:
            with pytest.raises(BackendUnavailable, match="does not answer"):
                await store.put("ab-1", parts())
            assert given < 99  # it was noticed long before the end
            wire.mend()
            assert await store.stat("ab-1") is None
            await store.put("ab-1", content(bytes(3 * PART_BYTES), b"end"))
            assert (await store.stat("ab-1")).size == 3 * PART_BYTES + 3
        finally:
            await store.close()


async def test_a_store_that_ignores_conditions_is_not_used(settings, monkeypatch):
    def replace(self, part):
        self._client._put_object(self._bucket, self._name, part, {"Content-Type": "text/plain"})

    monkeypatch.setattr(Upload, "finish", replace)
    with pytest.raises(InvalidConfiguration, match="ignores `If-None-Match`"):
        await MinioObjectStore(settings).open()


async def test_a_put_goes_on_when_the_server_was_restarted(minio, settings):
    store = MinioObjectStore(settings)
    await store.open()
    try:
        await store.put("ab-before", content(b"before"))
        await asyncio.to_thread(minio.kill)
        assert not (await store.health_check()).healthy
        with pytest.raises(BackendUnavailable):
            await store.put("ab-while", content(b"while"))
        await asyncio.to_thread(minio.start)
        assert (await store.health_check()).healthy
        await store.put("ab-after", content(b"after"))
        with pytest.raises(ObjectExists):
            await store.put("ab-before", content(b"again"))
        assert [piece async for piece in store.get("ab-before")] == [b"before"]
    finally:
        await store.close()


async def open_uploads(store, settings) -> int:
    found = await asyncio.to_thread(store._client._list_multipart_uploads, settings.bucket, prefix="")
    return len(found.uploads)

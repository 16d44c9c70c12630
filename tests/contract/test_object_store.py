"""Object stores: objects that are put once, whole or not at all, and read in parts."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import tracemalloc
from datetime import timedelta

import pytest

from adapters.minio.object_store import MinioObjectStore
from domain.errors import BackendUnavailable, DigestMismatch, ObjectExists, ObjectNotFound
from domain.model.objects import Written
from ports.object_store import PIECE_BYTES
from tests.contract.adapters import OBJECT_STORES
from tests.wire import Wire

LARGE = int(os.environ.get("PERSISTENCE_LARGE_OBJECT_BYTES", 64 * 1024 * 1024))
MEMORY = 32 * 1024 * 1024
NAME = "ab12-first"
ODD = ["", ".", "..", "a", "../ab", "ab/../cd", "/ab", "ab/", "ab//cd", "ab/cd", "ab\\cd", "AB", "äb", "a b"]
ODD += ["ab\0", "ab\n", "ab%2e%2e", ".ab", "ab/.cd", "ab.cd", "a" * 201, "ab\ud800", "ａｂ", "con:", "ab\x7f"]
PAST_THE_END = [(9, 1, b"9"), (10, None, b""), (11, 5, b""), (4, 0, b""), (0, 0, b"")]


@pytest.fixture(params=[*OBJECT_STORES, "minio"])
def kind(request):
    """The name of the object store under test; memory comes first: a fault of the suite shows before any engine."""
    return request.param


@pytest.fixture
def settings(kind, request):
    """The way into a new bucket, where the store is a server; through a wire where the test will cut it."""
    if kind in OBJECT_STORES:
        return None
    server = request.getfixturevalue("minio")
    port = request.getfixturevalue("wire").port if "break_store" in request.fixturenames else None
    found = server.settings(port)
    server.create(found.bucket)
    return found


@pytest.fixture
async def objects(kind, settings, tmp_path):
    """An open, empty object store."""
    store = OBJECT_STORES[kind](tmp_path) if settings is None else MinioObjectStore(settings)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def wire(minio):
    """What the connections to a server go through."""
    async with Wire(minio.host, minio.port) as wire:
        yield wire


@pytest.fixture
def break_store(kind, request, tmp_path):
    """A function that takes away what the store stands on."""
    if kind == "memory":
        pytest.skip("memory has nothing that could break")
    if kind == "minio":
        wire = request.getfixturevalue("wire")
        return lambda: wire.cut(sent=0)
    return lambda: shutil.rmtree(tmp_path / "objects")


async def pieces(*parts: bytes):
    for part in parts:
        yield part


async def put(objects, name: str, content: bytes = b"content") -> Written:
    return await objects.put(name, pieces(content))


async def read(objects, name: str, **part: int) -> bytes:
    return b"".join([piece async for piece in objects.get(name, **part)])


async def names(objects, prefix: str = "") -> list[str]:
    return [found.name async for portion in objects.list(prefix) for found in portion]


async def test_an_object_is_kept_byte_for_byte(objects):
    content = random.Random(1).randbytes(3 * PIECE_BYTES + 17)
    parts = [content[place : place + 70_001] for place in range(0, len(content), 70_001)]

    assert await objects.put(NAME, pieces(*parts)) == Written(len(content), hashlib.sha256(content).digest())
    assert await read(objects, NAME) == content
    assert (await objects.stat(NAME)).size == len(content)


async def test_no_piece_is_larger_than_promised(objects):
    await objects.put(NAME, pieces(bytes(5 * PIECE_BYTES)))
    sizes = [len(piece) async for piece in objects.get(NAME)]

    assert sum(sizes) == 5 * PIECE_BYTES
    assert max(sizes) <= PIECE_BYTES
    assert min(sizes) > 0


@pytest.mark.parametrize("parts", [(), (b"",), (b"", b"")], ids=len)
async def test_an_object_may_have_no_bytes(objects, parts):
    assert await objects.put(NAME, pieces(*parts)) == Written(0, hashlib.sha256().digest())
    assert await read(objects, NAME) == b""
    assert await read(objects, NAME, start=0, length=10) == b""
    assert (await objects.stat(NAME)).size == 0
    assert await names(objects) == [NAME]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 3, b"012"), (3, 1, b"3"), (8, None, b"89"), (8, 100, b"89"), (0, None, b"0123456789"), *PAST_THE_END],
)
async def test_a_part_is_read_by_its_place(objects, start, length, expected):
    await put(objects, NAME, b"0123456789")

    assert await read(objects, NAME, start=start, length=length) == expected


async def test_an_absent_object_is_said_to_be_absent(objects):
    await put(objects, "ab12-other")

    assert await objects.stat(NAME) is None
    with pytest.raises(ObjectNotFound):
        await read(objects, NAME)
    with pytest.raises(ObjectNotFound):
        await read(objects, "zz99", start=5, length=1)
    await objects.delete(NAME)
    await objects.delete("zz99")


async def test_an_object_is_never_replaced(objects):
    await put(objects, NAME, b"first")

    with pytest.raises(ObjectExists):
        await put(objects, NAME, b"second")
    assert await read(objects, NAME) == b"first"
    await objects.delete(NAME)
    await put(objects, NAME, b"second")
    assert await read(objects, NAME) == b"second"


@pytest.mark.parametrize("size", [1, 6 * 1024 * 1024], ids=["small", "in several parts"])
async def test_of_many_who_put_one_name_exactly_one_wins(objects, size):
    contents = [bytes([number]) * size for number in range(8)]
    results = await asyncio.gather(*(put(objects, NAME, content) for content in contents), return_exceptions=True)
    (winner,) = [number for number, result in enumerate(results) if isinstance(result, Written)]

    assert all(isinstance(result, ObjectExists) for number, result in enumerate(results) if number != winner)
    assert await read(objects, NAME) == contents[winner]
    assert await names(objects) == [NAME]


@pytest.mark.parametrize("before", [0, 10, 11 * 1024 * 1024], ids=lambda size: f"{size} bytes before")
async def test_a_cut_upload_leaves_nothing(objects, before):
    async def cut():
        for _ in range(-(-before // PIECE_BYTES)):
            yield bytes(min(before, PIECE_BYTES))
        raise ConnectionResetError("the client is gone")

    with pytest.raises(ConnectionResetError, match="the client is gone"):
        await objects.put(NAME, cut())
    assert await objects.stat(NAME) is None
    assert await names(objects) == []
    await put(objects, NAME)


async def test_a_cancelled_upload_leaves_nothing(objects):
    begun = asyncio.Event()

    async def endless():
        while True:
            yield bytes(PIECE_BYTES)
            begun.set()
            await asyncio.sleep(0)

    upload = asyncio.create_task(objects.put(NAME, endless()))
    async with asyncio.timeout(30):
        await begun.wait()
        await asyncio.sleep(0.05)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
    assert await names(objects) == []
    await put(objects, NAME)


@pytest.mark.parametrize("size", [0, 7, 11 * 1024 * 1024])
async def test_another_digest_than_the_content_has_leaves_nothing(objects, size):
    content = b"x" * size

    with pytest.raises(DigestMismatch):
        await objects.put(NAME, pieces(content), sha256=hashlib.sha256(content + b"!").digest())
    assert await objects.stat(NAME) is None
    assert await names(objects) == []
    await objects.put(NAME, pieces(content), sha256=hashlib.sha256(content).digest())
    assert (await objects.stat(NAME)).size == size


@pytest.mark.parametrize("name", ODD, ids=ascii)
async def test_an_odd_name_is_no_name(objects, name):
    for call in (put(objects, name), read(objects, name), objects.stat(name), objects.delete(name)):
        with pytest.raises(ValueError, match="not the name"):
            await call
    assert await names(objects) == []


@pytest.mark.parametrize("name", ["a0", "00", "a" * 200, "tmp", "a-b_c-d-", "a-"])
async def test_every_proper_name_is_taken(objects, name):
    await put(objects, name, name.encode())

    assert await read(objects, name) == name.encode()
    assert await names(objects, name) == [name]
    await objects.delete(name)
    assert await names(objects) == []


async def test_objects_are_listed_by_prefix_in_order(objects):
    kept = sorted(["ab", "ab-cd", "ab--cd", "ab0", "ab_-x1", "abc", "abc_de", "ac-b1", "b0-ab", "a0", "tmp"])
    for name in reversed(kept):
        await put(objects, name)

    for prefix in ("", "a", "ab", "ab-", "ab_", "abc", "abc_d", "zz", "b"):
        assert await names(objects, prefix) == [name for name in kept if name.startswith(prefix)]


async def test_lists_at_the_same_time_are_each_whole_whatever_is_put_and_deleted_beside_them(objects):
    wanted = {f"{place}-{number}" for place in ("aa", "ab", "ac") for number in range(5)}
    for name in sorted(wanted):
        await objects.put(name, pieces(b"x"))

    async def look(place: str) -> list[list[str]]:
        return [await names(objects, place) for _ in range(20)]

    async def churn(place: str) -> None:
        for number in range(10):
            await objects.put(f"{place}-{number}", pieces(b"x"))
            await objects.delete(f"{place}-{number}")

    looks = [look(place) for place in ("aa", "ab", "ac") * 4]
    *found, _, _ = await asyncio.gather(*looks, churn("ba"), churn("bb"))
    for seen in found:
        assert seen == [sorted(name for name in wanted if name[:2] == seen[0][0][:2])] * 20


async def test_a_list_says_sizes_and_times(objects):
    await put(objects, NAME, b"12345")
    ((found,),) = [portion async for portion in objects.list()]

    assert (found.name, found.size) == (NAME, 5)
    assert found.stored_at.tzinfo is not None
    assert abs(found.stored_at - (await objects.stat(NAME)).stored_at) < timedelta(seconds=1)


async def test_a_deleted_object_is_gone(objects):
    await put(objects, NAME)
    await put(objects, "ab12-second")
    await objects.delete(NAME)

    assert await objects.stat(NAME) is None
    assert await names(objects) == ["ab12-second"]


async def test_many_objects_at_once_lose_nothing(objects):
    wanted = {f"ab{number}-x{number}": random.Random(number).randbytes(number * 1000) for number in range(40)}
    await asyncio.gather(*(put(objects, name, content) for name, content in wanted.items()))
    found = await asyncio.gather(*(read(objects, name) for name in wanted))

    assert found == list(wanted.values())


async def test_a_large_object_passes_through_little_memory(objects, kind):
    if kind == "memory":
        pytest.skip("memory: it is all in there")
    piece = bytes(PIECE_BYTES)

    async def zeros():
        for _ in range(LARGE // PIECE_BYTES - 1):
            yield piece
        yield bytes(PIECE_BYTES - 4) + b"tail"

    tracemalloc.start()
    try:
        assert (await objects.put(NAME, zeros())).size == LARGE
        size = 0
        async for found in objects.get(NAME):
            size += len(found)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == LARGE
    assert peak < MEMORY
    assert await read(objects, NAME, start=LARGE - 6) == b"\0\0tail"


async def test_a_reader_may_leave_early(objects):
    await put(objects, NAME, bytes(4 * PIECE_BYTES))
    reading = objects.get(NAME)
    await anext(reading)
    await reading.aclose()

    assert len(await read(objects, NAME)) == 4 * PIECE_BYTES


async def test_a_sound_store_says_so(objects):
    found = await objects.health_check()

    assert found.healthy
    assert found.detail


async def test_a_broken_store_says_so_in_every_call(objects, break_store):
    await put(objects, NAME)
    break_store()
    found = await objects.health_check()

    assert not found.healthy
    assert len(found.detail) > 10
    for call in (put(objects, "cd-ef"), read(objects, NAME), objects.stat(NAME), objects.delete(NAME), names(objects)):
        with pytest.raises(BackendUnavailable):
            await call


async def test_opening_and_closing_again_changes_nothing(objects):
    await put(objects, NAME)
    await objects.open()
    assert await read(objects, NAME) == b"content"
    await objects.close()
    await objects.close()
    await objects.open()
    assert await names(objects) == [NAME]

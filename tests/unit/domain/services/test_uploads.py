"""Uploads in pieces: what is kept of content that breaks off, on every object store of the house."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec
import pytest

from adapters.localdisk.object_store import LocalDiskObjectStore
from adapters.system.ids import SystemIds
from domain.errors import (
    BackendUnavailable,
    FlushIncomplete,
    MalformedBody,
    PayloadTooLarge,
    UploadNotFound,
    UploadOffsetMismatch,
)
from domain.model import uploads
from domain.model.uploads import Plan
from domain.services.uploads import FINISHING, UploadService, piece_name
from tests.unit.domain.services.test_files import Files

PLAN = Plan(file_id="f1", name="a.txt", content_type="text/plain", metadata='{"a": 1}', length=10)


@pytest.fixture(params=["memory", "localdisk"])
async def files(request, tmp_path):
    store = LocalDiskObjectStore(tmp_path / "objects") if request.param == "localdisk" else None
    if store:
        await store.open()
    found = Files(objects=store)
    async with found.house.running():
        found.uploads = UploadService(found.objects, found.service, SystemIds(), found.house.clock)
        yield found
    if store:
        await store.close()


async def content(*parts: bytes | Exception):
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


async def test_what_came_before_an_error_is_kept_and_the_error_is_raised(files):
    begun = await files.uploads.begin(PLAN)
    with pytest.raises(MalformedBody):
        await files.uploads.append(begun.upload_id, 0, content(b"abc", b"de", MalformedBody()))
    assert (await files.uploads.state(begun.upload_id)).offset == 5
    with pytest.raises(MalformedBody):
        await files.uploads.append(begun.upload_id, 5, content(MalformedBody()))
    done = await files.uploads.append(begun.upload_id, 5, content(b"fghij"))
    assert done.is_complete
    assert await files.read() == b"abcdefghij"


async def test_a_whole_piece_is_kept_or_nothing_of_it(files):
    begun = await files.uploads.begin(PLAN)
    with pytest.raises(MalformedBody):
        await files.uploads.append(begun.upload_id, 0, content(b"abc", MalformedBody()), whole=True)
    with pytest.raises(MalformedBody):
        await files.uploads.append(begun.upload_id, 0, content(b"abcdefghij", MalformedBody()), whole=True)
    with pytest.raises(PayloadTooLarge):
        await files.uploads.append(begun.upload_id, 0, content(b"abcdefghij", b"k"), whole=True)
    assert (await files.uploads.state(begun.upload_id)).offset == 0


async def test_content_is_cut_into_pieces_wherever_it_is_cut_itself(files, monkeypatch):
    monkeypatch.setattr("domain.services.uploads.PIECE_BYTES", 3)
    for number, parts in enumerate(
        [[b"abcdefghij"], [b"a", b"bcdefg", b"", b"hi", b"j"], [bytes([n]) for n in range(10)]]
    ):
        plan = Plan(file_id=f"f{number}", name="a", content_type="text/plain", metadata="{}", length=10)
        begun = await files.uploads.begin(plan)
        state = await files.uploads.append(begun.upload_id, 0, content(*parts))
        assert state.is_complete
        assert await files.read(f"f{number}") == b"".join(parts)
        record = await files.house.query.get(files.service._schema.collection, f"f{number}")
        assert record.values[4] == hashlib.sha256(b"".join(parts)).hexdigest()


async def test_the_number_of_pieces_is_bounded(files, monkeypatch):
    monkeypatch.setattr("domain.services.uploads.MAX_PIECES", 2)
    begun = await files.uploads.begin(PLAN)
    await files.uploads.append(begun.upload_id, 0, content(b"a"))
    await files.uploads.append(begun.upload_id, 1, content(b"b"))
    with pytest.raises(PayloadTooLarge):
        await files.uploads.append(begun.upload_id, 2, content(b"c"))


async def test_the_largest_file_fits_into_the_pieces_there_may_be():
    assert uploads.MAX_PIECES * uploads.PIECE_BYTES > 50_000 * 1024**2


async def test_a_store_that_fails_costs_the_piece_alone_and_the_file_is_made_when_it_is_back(files, monkeypatch):
    begun = await files.uploads.begin(PLAN)
    await files.uploads.append(begun.upload_id, 0, content(b"abc"))
    put = files.objects.put

    async def lost(name, *args, **kwargs):
        if name.startswith(refused):
            raise BackendUnavailable
        return await put(name, *args, **kwargs)

    monkeypatch.setattr(files.objects, "put", lost)
    refused = "upload-"
    with pytest.raises(BackendUnavailable):
        await files.uploads.append(begun.upload_id, 3, content(b"defghij"))
    refused = hashlib.sha256(b"f1").hexdigest()
    with pytest.raises(BackendUnavailable):
        await files.uploads.append(begun.upload_id, 3, content(b"defghij"))
    refused = "nothing"
    with pytest.raises(UploadOffsetMismatch):
        await files.uploads.append(begun.upload_id, 3, content(b"defghij"))
    assert (await files.uploads.state(begun.upload_id)).is_complete
    assert await files.read() == b"abcdefghij"


async def test_an_outage_of_the_backend_costs_one_copy_of_the_content_however_often_one_looks(files, monkeypatch):
    monkeypatch.setattr(files.house.query, "_deadline", 0.05)
    monkeypatch.setattr(files.house.changes, "_deadline", 0.05)
    write = files.house.backend.write_conditional

    async def away(*_):
        raise BackendUnavailable

    files.house.backend.write_conditional = away
    begun = await files.uploads.begin(PLAN)
    with pytest.raises(FlushIncomplete):
        await files.uploads.append(begun.upload_id, 0, content(b"abcdefghij"))
    for _ in range(3):
        with pytest.raises(FlushIncomplete):
            await files.uploads.state(begun.upload_id)
    assert len([name for name in await files.kept() if not name.startswith("upload-")]) == 1

    files.house.backend.write_conditional = write
    monkeypatch.setattr(files.house.query, "_deadline", 30.0)
    assert (await files.uploads.state(begun.upload_id)).is_complete
    assert await files.read() == b"abcdefghij"
    assert len([name for name in await files.kept() if not name.startswith("upload-")]) == 1


@pytest.mark.parametrize(("odd", "offset"), [(lambda found: found * 2, 5), (lambda found: found[1:], 0)])
async def test_what_a_list_says_twice_or_leaves_out_makes_no_file(files, monkeypatch, odd, offset):
    begun = await files.uploads.begin(PLAN)
    for content_of in (b"abcd", b"e"):
        state = await files.uploads.state(begun.upload_id)
        await files.uploads.append(begun.upload_id, state.offset, content(content_of))
    listed = files.objects.list

    async def doubtful(prefix=""):
        async for portion in listed(prefix):
            yield odd(portion)

    monkeypatch.setattr(files.objects, "list", doubtful)
    assert (await files.uploads.state(begun.upload_id)).offset == offset
    monkeypatch.undo()
    assert (await files.uploads.append(begun.upload_id, 5, content(b"fghij"))).is_complete
    assert await files.read() == b"abcdefghij"


async def test_few_uploads_become_files_at_once_whoever_looks_at_them(files, monkeypatch):
    put, running, most = files.objects.put, 0, 0

    async def counted(name, content, **kwargs):
        nonlocal running, most
        running += not name.startswith("upload-")
        most = max(most, running)
        await asyncio.sleep(0.01)
        try:
            return await put(name, content, **kwargs)
        finally:
            running -= not name.startswith("upload-")

    monkeypatch.setattr(files.objects, "put", counted)
    plans = [msgspec.structs.replace(PLAN, file_id=f"f{number}") for number in range(12)]
    begun = [await files.uploads.begin(plan) for plan in plans]
    for state in begun:
        await put(piece_name(state.upload_id, 0), content(b"abcdefghij"))  # by a link
    await asyncio.gather(*[files.uploads.state(state.upload_id) for state in begun])
    assert most == FINISHING
    assert [await files.read(plan.file_id) for plan in plans] == [b"abcdefghij"] * 12


async def test_an_ended_upload_is_not_found(files):
    begun = await files.uploads.begin(PLAN)
    await files.uploads.end(begun.upload_id)
    for call in (
        files.uploads.state(begun.upload_id),
        files.uploads.end(begun.upload_id),
        files.uploads.append(begun.upload_id, 0, content(b"a")),
    ):
        with pytest.raises(UploadNotFound):
            await call
    assert await files.kept() == []


async def test_of_two_instances_that_make_the_file_the_slower_one_finds_it_made(files, monkeypatch):
    other = UploadService(files.objects, files.service, SystemIds(), files.house.clock)
    begun = await files.uploads.begin(PLAN)
    get, asked = files.objects.get, []

    async def late(name, **kwargs):
        if name.rpartition("-")[2].isdecimal() and not asked:
            asked.append(name)
            assert (await other.state(begun.upload_id)).is_complete
        async for piece in get(name, **kwargs):
            yield piece

    monkeypatch.setattr(files.objects, "get", late)
    assert (await files.uploads.append(begun.upload_id, 0, content(b"abcdefghij"))).is_complete
    assert asked
    assert await files.read() == b"abcdefghij"
    assert (await files.uploads.state(begun.upload_id)).is_complete

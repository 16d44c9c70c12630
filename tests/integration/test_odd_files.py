"""Ids and names of files that look like paths, controls or other names, on a disk and over a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from aiohttp.multipart import parse_content_disposition

from adapters.localdisk.object_store import LocalDiskObjectStore
from adapters.minio.object_store import MinioObjectStore
from domain.model.objects import checked_name
from entrypoints.http.routes import ROUTES
from tests.e2e.buckets import bucket_of
from tests.integration.http.running import Running, running

FILES = "/api/v1/storage/files"
TAKEN = {  # as ids; what is quoted twice is an id with a percent sign
    "dots in it": "a..b.tar.gz",
    "a hidden file": ".hidden",
    "many dots": "...x",
    "quoted twice": "..%2F..%2Fetc%2Fpasswd",
    "a NUL quoted twice": "%00",
    "a drive": "C:",
    "a device": "CON",
    "a device with an ending": "nul.txt",
    "a stream": "file::$DATA",
    "an option": "--delete",
    "quotes": "a'b\"c`d",
    "a query": "a?b=c&d#e",
    "a wildcard": "*?<>|",
    "blanks": " a b ",
    "a plus": "a+b",
    "the service's own": "upload-00000000000000000000000000000000-plan",
    "its folder": "tmp",
    "a word of the API": "info",
    "another": "links",
    "Chinese": "你好，世界",
    "Arabic": "ملف",
    "an emoji of several": "👩‍👩‍👧‍👦",
    "composed": "\u00e9",
    "a full-width slash": "a\uff0fb",
    "64 characters": "x" * 64,
    "255 bytes": "🌍" * 63 + "你",
    "JSON": '{"a":1}',
    "SQL": "'; DROP TABLE files; --",
}
REFUSED = {  # as they stand in the address
    "the folder above": "..",
    "here": ".",
    "a path": "%2e%2e%2fx",
    "slash": "a%2Fb",
    "slash at the end": "a%2F",
    "backslash": "a%5Cb",
    "NUL": "a%00b",
    "newline": "a%0D%0AX:%20y",
    "delete": "%7F",
    "a control of C1": "%C2%85",
    "from right to left": "%E2%80%AEgnp.exe",
    "decomposed": "e%CC%81",
    "blanks alone": "%20%20",
    "dots and blanks": "%20.%20",
    "65 characters": "x" * 65,
    "256 bytes": quote("🌍" * 64),
    "no UTF-8": "%FF",
    "an overlong slash": "%C0%AF",
    "a half of a pair": "%ED%A0%80",
    "nothing": "",
}


@pytest.fixture(params=["disk", "bucket"])
async def store(request, tmp_path) -> AsyncIterator[LocalDiskObjectStore | MinioObjectStore]:
    found = (
        LocalDiskObjectStore(tmp_path / "objects")
        if request.param == "disk"
        else MinioObjectStore(bucket_of(request.getfixturevalue("minio")))
    )
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def service(store) -> AsyncIterator[Running]:
    async with running(objects=store) as found:
        yield found


async def names(store) -> list[str]:
    return [found.name async for portion in store.list() for found in portion]


async def test_any_text_is_an_id_and_is_kept_apart_from_any_other(service, store) -> None:
    for file_id in TAKEN.values():
        place = f"{FILES}/{quote(file_id, safe='')}"
        status, record, _ = await service.ask("PUT", place, data=file_id.encode(), headers={"If-None-Match": "*"})
        assert (status, record["file_id"], record["name"]) == (201, file_id, file_id), record

    assert len({checked_name(name) for name in await names(store)}) == len(TAKEN)
    for file_id in TAKEN.values():
        place = f"{FILES}/{quote(file_id, safe='')}"
        status, content, response = await service.get(place)
        assert (status, content) == (200, file_id.encode())
        assert name_in(response.headers["Content-Disposition"]) == file_id
        status, record, _ = await service.ask("PATCH", place, json={"metadata": {"id": file_id}})
        assert (status, record["metadata"]) == (200, {"id": file_id})
        assert (await service.get(f"{place}/info"))[1] == record
        _, found, _ = await service.get(FILES, params={"file_id": file_id})
        assert found["items"] == [record]
        assert (await service.ask("DELETE", place))[0] == 204
        assert (await service.get(place))[0] == 404


def name_in(disposition: str) -> str:
    """The name, as a reader of RFC 6266 sees it."""
    parameters = parse_content_disposition(disposition)[1]
    return parameters.get("filename*", parameters["filename"])


@pytest.mark.parametrize("text", REFUSED.values(), ids=list(REFUSED))
async def test_what_is_no_id_is_refused_and_leaves_nothing(service, store, text: str) -> None:
    for method, behind in (
        ("PUT", ""),
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/info"),
        ("POST", "/links"),
    ):
        body = '{"method": "GET"}' if behind == "/links" else "{}"
        head = (
            f"{method} {FILES}/{text}{behind} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        )
        status = int((await service.raw(head.encode())).split(b" ")[1])
        assert status in (400, 404, 405, 501), (method, behind)  # 501: a disk gives no links, to anything
    assert await names(store) == []


async def test_a_name_has_255_bytes_and_no_more(service) -> None:
    for name, expected in (("ä" * 127 + "x", 201), ("ä" * 128, 400), ("🌍" * 63 + "你", 200), ("x" * 256, 400)):
        status, record, _ = await service.ask("PUT", f"{FILES}/f1", params={"name": name}, data=b"x")
        assert status == expected, record
        if expected < 300:
            _, _, response = await service.get(f"{FILES}/f1")
            assert name_in(response.headers["Content-Disposition"]) == name


@pytest.mark.parametrize("text", ["..%2f..%2fetc%2fpasswd", "%00", "a%00b", "x" * 65, "%FF", "%2e%2e"])
async def test_no_part_of_any_address_is_a_way_out(service, store, text: str) -> None:
    for route in ROUTES:
        if "{" not in route.template or "/storage/" not in route.template:
            continue
        parts = [text if part.startswith("{") else part for part in route.template.split("/")]
        head = f"{route.method} {'/'.join(parts)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close"
        answer = await service.raw(f"{head}\r\n\r\n{{}}".encode())
        status = int(answer.split(b" ")[1])
        assert 400 <= status < 500 or status == 501, (route.template, answer)
        assert b"root:" not in answer
    assert await names(store) == []

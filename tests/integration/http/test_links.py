"""Links to the content of files: what is refused, and what is said where the store has none to give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.localdisk.object_store import LocalDiskObjectStore
from tests.integration.http.running import Running, running

FILES, UPLOADS = "/api/v1/storage/files", "/api/v1/storage/uploads"
TO_GET: dict[str, Any] = {"method": "GET"}
TO_PUT: dict[str, Any] = {"method": "PUT", "size": 1, "sha256": "0" * 64}


async def ask(service: Running, wanted: object, file_id: str = "f1", **options: Any):
    headers = {"Content-Type": "application/json"} | options.pop("headers", {})
    body = wanted if isinstance(wanted, bytes) else json.dumps(wanted).encode()
    return await service.ask("POST", f"{FILES}/{file_id}/links", data=body, headers=headers, **options)


async def kept(service: Running) -> list[str]:
    return [found.name async for portion in service.services.filing.files._objects.list() for found in portion]


@pytest.mark.parametrize("wanted", [TO_GET, TO_PUT], ids=["to get", "to put"])
async def test_a_disk_gives_no_links_and_names_the_ability(tmp_path: Path, wanted: dict[str, Any]) -> None:
    store = LocalDiskObjectStore(tmp_path / "objects")
    await store.open()
    async with running(objects=store) as service:
        status, problem, _ = await ask(service, wanted)
        assert (status, problem["code"]) == (501, "ability_missing")
        assert "presigned_urls" in problem["detail"]
        assert await kept(service) == []
    await store.close()


async def test_where_files_are_off_it_is_said_with_the_cure(service: Running) -> None:
    service.services.filing.links = None
    assert "objects.type" in (await ask(service, TO_GET))[1]["detail"]


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({}, ""),
        ([], ""),
        ({"method": "DELETE"}, "/method"),
        ({"method": ["GET"]}, "/method"),
        (TO_GET | {"size": 1}, ""),
        (TO_GET | {"expires_in": 0}, "/expires_in"),
        (TO_GET | {"expires_in": 43_201}, "/expires_in"),
        (TO_GET | {"expires_in": 1.5}, "/expires_in"),
        (TO_GET | {"expires_in": "60"}, "/expires_in"),
        ({"method": "PUT", "size": 1}, ""),
        ({"method": "PUT", "sha256": "0" * 64}, ""),
        (TO_PUT | {"size": 0}, "/size"),
        (TO_PUT | {"size": 2**53}, "/size"),
        (TO_PUT | {"sha256": "0" * 63}, "/sha256"),
        (TO_PUT | {"sha256": "0" * 64 + "\n"}, "/sha256"),
        (TO_PUT | {"sha256": "A" * 64}, "/sha256"),
        (TO_PUT | {"name": 7}, "/name"),
        (TO_PUT | {"object": "x"}, ""),
    ],
    ids=range(18),
)
async def test_what_asks_for_no_link_is_refused_by_place(service: Running, wanted: object, pointer: str) -> None:
    status, problem, _ = await ask(service, wanted)
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (422, "invalid_records", pointer), problem
    assert await kept(service) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"method": "GET", "a": "\\ud800"}', b"[" * 50])
async def test_a_body_that_is_no_json_is_refused(service: Running, body: bytes) -> None:
    status, problem, _ = await ask(service, body)
    assert (status, problem["code"]) == (400, "malformed_body")


async def test_headers_and_parameters_are_judged(service: Running) -> None:
    assert (await ask(service, TO_GET, headers={"Content-Type": "text/plain"}))[0] == 415
    assert (await ask(service, TO_GET, headers={"If-Match": "*"}))[1]["code"] == "invalid_parameter"
    assert (await ask(service, TO_GET, params={"x": "y"}))[1]["code"] == "invalid_parameter"
    assert (await ask(service, TO_GET, "x" * 65))[1]["code"] == "invalid_parameter"


async def test_an_upload_that_there_is_not_cannot_be_completed(service: Running) -> None:
    for upload_id in ("0" * 32, "x", "..%2f..", "%00"):
        status, problem, _ = await service.ask("POST", f"{UPLOADS}/{upload_id}/complete")
        assert (status, problem["code"]) == (404, "upload_not_found")


async def test_an_upload_in_pieces_can_be_completed_too(service: Running) -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "2"}
    _, _, response = await service.ask("POST", UPLOADS, headers=headers)
    place = response.headers["Location"]
    status, problem, _ = await service.ask("POST", f"{place}/complete")
    assert (status, problem["code"], "0 bytes are there, of 2" in problem["detail"]) == (409, "upload_incomplete", True)
    piece = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert (await service.ask("PATCH", place, data=b"ab", headers=piece))[0] == 204
    status, record, response = await service.ask("POST", f"{place}/complete")
    assert (status, record["size"]) == (200, 2)
    assert (await service.get(response.headers["Content-Location"]))[1] == b"ab"
    await service.ask("DELETE", response.headers["Content-Location"])
    assert (await service.ask("POST", f"{place}/complete"))[1]["code"] == "record_not_found"

"""What is said of a file is changed without its content; and what may not be changed."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from entrypoints.sections import ObjectSettings
from tests.integration.http.running import Running, running

FILES = "/api/v1/storage/files"
CONTENT = bytes(range(256)) * 8


async def put(service: Running, content: bytes = CONTENT, file_id: str = "f1"):
    headers = {"Content-Type": "image/png", "X-Metadata-language": "de", "X-Metadata-year": "2025"}
    return await service.ask("PUT", f"{FILES}/{file_id}", data=content, headers=headers)


async def patch(service: Running, changes: object, file_id: str = "f1", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"Content-Type": "application/merge-patch+json"}
    return await service.ask("PATCH", f"{FILES}/{file_id}", data=json.dumps(changes), headers=kind | named)


async def kept(service: Running) -> list[str]:
    return [found.name async for portion in service.services.filing.files._objects.list() for found in portion]


async def test_a_changed_file_has_another_name_and_the_same_content(service: Running) -> None:
    _, before, first = await put(service)
    changes = {"name": "Grüße.txt", "content_type": "Text/Plain; charset=utf-8", "metadata": {"year": None, "a": [1]}}
    status, record, answer = await patch(service, changes)
    assert status == 200, record
    said = {"name": "Grüße.txt", "content_type": "text/plain", "metadata": {"language": "de", "a": [1]}}
    own = {name: record[name] for name in ("updated_at", "revision")}
    assert record == before | said | own
    assert int(record["revision"]) > int(before["revision"])

    status, content, response = await service.get(f"{FILES}/f1")
    assert (status, content) == (200, CONTENT)
    assert response.headers["ETag"] == answer.headers["ETag"] != first.headers["ETag"]
    assert response.headers["Content-Type"] == "text/plain"
    assert "Gr%C3%BC%C3%9Fe.txt" in response.headers["Content-Disposition"]
    assert "X-Metadata-year" not in response.headers
    assert (await service.get(f"{FILES}/f1/info"))[1] == record
    assert await kept(service) == [record["object"]]
    assert (await patch(service, {"metadata": None}))[1]["metadata"] == {}


async def test_what_a_browser_might_run_is_sent_as_bytes_behind_a_change_too(service: Running) -> None:
    await put(service)
    assert (await patch(service, {"content_type": "text/html"}))[0] == 200
    _, _, response = await service.get(f"{FILES}/f1")
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"].startswith("attachment")


async def test_a_change_builds_on_the_version_that_it_names(service: Running) -> None:
    _, _, first = await put(service)
    tag = first.headers["ETag"]
    status, _, second = await patch(service, {"name": "b"}, If_Match=tag)
    assert status == 200
    status, problem, _ = await patch(service, {"name": "c"}, If_Match=tag)
    assert (status, problem["code"], problem["current"]["name"]) == (412, "precondition_failed", "b")
    assert (await patch(service, {"name": "d"}, If_Match=second.headers["ETag"]))[0] == 200
    assert (await patch(service, {"name": "e"}, If_None_Match="*"))[1]["code"] == "invalid_parameter"
    old = {"If-Match": tag, "Content-Type": "image/png"}
    assert (await service.ask("PUT", f"{FILES}/f1", data=b"x", headers=old))[0] == 412
    assert (await service.get(f"{FILES}/f1"))[1] == CONTENT


async def test_a_change_that_is_sent_again_is_made_once(service: Running) -> None:
    await put(service)
    key = {"Idempotency_Key": "k1"}
    _, first, _ = await patch(service, {"name": "b"}, **key)
    _, again, response = await patch(service, {"name": "b"}, **key)
    assert (again, response.headers["Idempotency-Replayed"]) == (first, "true")
    assert (await patch(service, {"name": "c"}, **key))[1]["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"size": 1, "sha256": "0" * 64, "object": "ab-1-x"}, ["/size", "/sha256", "/object"]),
        ({"created_at": "2026-01-01T00:00:00Z", "name": ".."}, ["/created_at", "/name"]),
        ({"updated_at": "2026-01-01T00:00:00Z"}, ["/updated_at"]),
        ({"file_id": "f2"}, ["/file_id"]),
        ({"nonsense": 1}, ["/nonsense"]),
        ({"revision": "1"}, ["/revision"]),
        ({"name": None}, ["/name"]),
        ({"name": 7}, ["/name"]),
        ({"name": "a/b"}, ["/name"]),
        ({"name": "..\\b"}, ["/name"]),
        ({"name": "a\r\nX: y"}, ["/name"]),
        ({"name": "\u202egnp.exe"}, ["/name"]),
        ({"name": "ä" * 128}, ["/name"]),
        ({"name": ""}, ["/name"]),
        ({"content_type": "nonsense", "name": " "}, ["/content_type", "/name"]),
        ({"content_type": "text/html\r\nX: y"}, ["/content_type"]),
        ({"content_type": None}, ["/content_type"]),
        ({"metadata": "text"}, ["/metadata"]),
        ({"metadata": {"a": "x" * 70_000}}, ["/metadata"]),
        (["name"], [""]),
    ],
    ids=range(20),
)
async def test_what_may_not_be_changed_is_named_and_nothing_is(service: Running, changes, pointers) -> None:
    _, before, _ = await put(service)
    status, problem, _ = await patch(service, changes)
    assert (status, problem["code"]) == (422, "invalid_records"), problem
    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert (await service.get(f"{FILES}/f1/info"))[1] == before


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"name": "\\ud800"}', b'{"a":' * 50, b'{"name": 1e999}'])
async def test_a_body_that_is_no_change_is_refused(service: Running, body: bytes) -> None:
    _, before, _ = await put(service)
    headers = {"Content-Type": "application/json"}
    status, problem, _ = await service.ask("PATCH", f"{FILES}/f1", data=body, headers=headers)
    assert (status, problem["code"]) in ((400, "malformed_body"), (422, "invalid_records"))
    assert (await patch(service, {"name": "b"}, Content_Type="text/plain"))[1]["code"] == "unsupported_media_type"
    assert (await service.get(f"{FILES}/f1/info"))[1] == before


async def test_a_file_that_there_is_not_cannot_be_changed(service: Running) -> None:
    assert (await patch(service, {"name": "b"}))[1]["code"] == "record_not_found"
    await put(service)
    await service.ask("DELETE", f"{FILES}/f1")
    assert (await patch(service, {"name": "b"}))[0] == 404
    assert (await patch(service, {"name": "b"}, file_id="x" * 65))[1]["code"] == "invalid_parameter"


async def test_a_type_that_is_not_taken_is_refused_as_a_value() -> None:
    async with running(limits=ObjectSettings(types=["image/*"])) as service:
        await put(service)
        status, problem, _ = await patch(service, {"content_type": "text/html"})
        assert (status, problem["errors"][0]["pointer"]) == (422, "/content_type")
        assert "image/*" in problem["errors"][0]["detail"]
        assert (await patch(service, {"content_type": "image/gif"}))[0] == 200


async def test_where_files_are_off_a_change_is_refused_with_the_cure(service: Running) -> None:
    service.services.filing.files = None
    status, problem, _ = await patch(service, {"name": "b"})
    assert (status, problem["code"]) == (501, "ability_missing")


async def test_changes_beside_new_contents_never_part_a_record_from_its_content(service: Running) -> None:
    contents = [bytes([number]) * 1000 for number in range(10)]
    await put(service)
    puts = [put(service, content) for content in contents]
    patches = [patch(service, {"name": f"n{number}"}) for number in range(10)]
    answers = await asyncio.gather(*puts, *patches)
    assert {status for status, *_ in answers} == {200}

    _, record, _ = await service.get(f"{FILES}/f1/info")
    status, content, _ = await service.get(f"{FILES}/f1")
    assert (status, content in contents) == (200, True)
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert await kept(service) == [record["object"]]


async def test_former_contents_are_said_not_to_be_kept(service: Running) -> None:
    await put(service)
    for method in ("GET", "HEAD"):
        status, problem, _ = await service.ask(method, f"{FILES}/f1", params={"version": "1"})
        assert status == 501
    status, problem, _ = await service.get(f"{FILES}/f1?version=1")
    assert (problem["code"], "object_versions" in problem["detail"]) == ("ability_missing", True)
    assert (await service.get(f"{FILES}/f1?versions=1"))[1]["code"] == "invalid_parameter"

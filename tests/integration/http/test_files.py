"""Files over HTTP: in and out as they are, in parts, under conditions; and what is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from contextlib import AsyncExitStack

import aiohttp
import pytest

from adapters.memory.object_store import MemoryObjectStore
from adapters.system.clock import SystemClock
from domain.errors import BackendUnavailable
from entrypoints.http.body import Bodies
from entrypoints.http.upload import Uploads
from entrypoints.sections import ObjectSettings
from tests.integration.http.running import Running, running

FILES = "/api/v1/storage/files"
CONTENT = bytes(range(256)) * 8


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def put(service: Running, file_id: str = "f1", content: bytes = CONTENT, kind: str = "image/png", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await service.ask(
        "PUT", f"{FILES}/{file_id}", data=io.BytesIO(content), headers={"Content-Type": kind, **named}
    )


async def kept(service: Running) -> list[str]:
    objects = service.services.filing.files._objects
    return [found.name async for portion in objects.list() for found in portion]


async def test_a_file_comes_back_as_it_was_sent(service: Running) -> None:
    status, record, response = await put(service, X_Metadata_Language="de", Content_Digest=digest(CONTENT))
    assert (status, response.headers["Location"]) == (201, f"{FILES}/f1")
    assert (record["size"], record["sha256"]) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert (record["content_type"], record["metadata"]) == ("image/png", {"language": "de"})

    status, body, answer = await service.get(f"{FILES}/f1")
    assert (status, body) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Digest"] == answer.headers["Repr-Digest"] == digest(CONTENT)
    assert answer.headers["X-Metadata-language"] == "de"
    assert answer.headers["ETag"] == response.headers["ETag"]
    assert (await service.get(f"{FILES}/f1/info"))[1] == record
    assert (await service.get(f"{FILES}?size__gte=2048&content_type__prefix=image/"))[1]["items"] == [record]
    assert (await service.get("/api/v1/system/stats"))[1]["collections"]["files"]["stored"] == 1


async def test_head_tells_the_size_and_sends_nothing(service: Running) -> None:
    await put(service)
    status, body, response = await service.ask("HEAD", f"{FILES}/f1")
    assert (status, body, response.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert (await service.get(f"{FILES}/f1"))[1] == CONTENT  # the connection goes on


@pytest.mark.parametrize("content", [b"", b"x", b"y" * 3_000_000], ids=["empty", "a byte", "several pieces"])
async def test_content_of_any_size_is_kept(service: Running, content: bytes) -> None:
    assert (await put(service, content=content))[0] == 201
    assert (await service.get(f"{FILES}/f1"))[1] == content


async def test_a_body_without_a_length_is_taken(service: Running) -> None:
    async def pieces():
        for _ in range(50):
            yield CONTENT

    status, record, _ = await service.ask("POST", FILES, data=pieces())
    assert (status, record["size"]) == (201, 50 * len(CONTENT))
    assert (await service.get(f"{FILES}/{record['file_id']}"))[1] == 50 * CONTENT


@pytest.mark.parametrize(
    ("asked", "expected", "place"),
    [
        ("bytes=0-0", CONTENT[:1], "bytes 0-0/2048"),
        ("bytes=100-199", CONTENT[100:200], "bytes 100-199/2048"),
        ("bytes=2000-", CONTENT[2000:], "bytes 2000-2047/2048"),
        ("bytes=2000-9999", CONTENT[2000:], "bytes 2000-2047/2048"),
        ("bytes=-5", CONTENT[-5:], "bytes 2043-2047/2048"),
        ("bytes=-9999", CONTENT, "bytes 0-2047/2048"),
    ],
)
async def test_a_range_is_answered_alone(service: Running, asked: str, expected: bytes, place: str) -> None:
    await put(service)
    status, body, response = await service.get(f"{FILES}/f1", headers={"Range": asked})
    assert (status, body, response.headers["Content-Range"]) == (206, expected, place)
    assert "Content-Digest" not in response.headers
    assert response.headers["Repr-Digest"] == digest(CONTENT)


@pytest.mark.parametrize("asked", ["bytes=5-1", "bytes=0-1,4-5", "lines=1-2", "bytes=a-", "bytes=-", "bytes", "", "٣-"])
async def test_what_is_no_single_range_is_answered_whole(service: Running, asked: str) -> None:
    await put(service)
    status, body, _ = await service.get(f"{FILES}/f1", headers={"Range": asked})
    assert (status, body) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=2048-", "bytes=999999999999999999-", "bytes=-0"])
async def test_a_range_past_the_end_is_416(service: Running, asked: str) -> None:
    await put(service)
    status, problem, response = await service.get(f"{FILES}/f1", headers={"Range": asked})
    assert (status, problem["code"]) == (416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == "bytes */2048"


async def test_conditions_are_heeded(service: Running) -> None:
    _, _, first = await put(service)
    tag = first.headers["ETag"]
    assert (await service.get(f"{FILES}/f1", headers={"If-None-Match": tag}))[0] == 304
    assert (await service.get(f"{FILES}/f1", headers={"Range": "bytes=0-1", "If-Range": tag}))[0] == 206
    assert (await service.get(f"{FILES}/f1", headers={"Range": "bytes=0-1", "If-Range": '"old"'}))[0] == 200

    assert (await put(service, If_None_Match="*"))[0] == 412
    assert (await put(service, If_Match='"old"'))[0] == 412
    status, _, second = await put(service, content=b"new", If_Match=tag)
    assert (status, second.headers["ETag"] != tag) == (200, True)
    assert (await put(service, If_Match=tag))[0] == 412
    assert (await put(service, "f2", If_None_Match="*"))[0] == 201
    assert (await put(service, If_None_Match='"x"'))[1]["code"] == "invalid_parameter"
    assert (await service.ask("DELETE", f"{FILES}/f1", headers={"If-Match": tag}))[0] == 412
    assert (await service.get(f"{FILES}/f1"))[1] == b"new"
    assert len(await kept(service)) == 2


async def test_a_deleted_file_is_gone(service: Running) -> None:
    await put(service)
    assert (await service.ask("DELETE", f"{FILES}/f1"))[0] == 204
    for path in (f"{FILES}/f1", f"{FILES}/f1/info"):
        assert (await service.get(path))[1]["code"] == "record_not_found"
    assert (await put(service, If_None_Match="*"))[0] == 201


def form(*fields: tuple, **file) -> aiohttp.FormData:
    found = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields:
        found.add_field(name, value)
    if file:
        found.add_field("file", io.BytesIO(CONTENT), **file)
    return found


async def test_a_form_brings_a_file_and_what_is_known_of_it(service: Running) -> None:
    sent = form(("file_id", "f7"), ("metadata", '{"pages": [1]}'), filename="Grüße.png", content_type="image/png")
    status, record, _ = await service.ask("POST", FILES, data=sent)
    assert status == 201
    assert (record["file_id"], record["name"], record["metadata"]) == ("f7", "Grüße.png", {"pages": [1]})
    assert (await service.get(f"{FILES}/f7"))[1] == CONTENT

    status, problem, _ = await service.ask("POST", FILES, data=form(("file_id", "f7"), filename="x"))
    assert (status, problem["code"]) == (412, "precondition_failed")
    assert len(await kept(service)) == 1


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (form(("name", "a")), "malformed_body"),
        (form(("nonsense", "a"), filename="a"), "invalid_parameter"),
        (form(("name", "a"), ("name", "b"), filename="a"), "invalid_parameter"),
        (form(("metadata", "[]"), filename="a"), "invalid_records"),
        (form(("metadata", "{"), filename="a"), "invalid_records"),
        (form(("metadata", "x" * 200_000), filename="a"), "invalid_parameter"),
        (form(("name", "a/b"), filename="a"), "invalid_parameter"),
        (form(filename="a", content_type="nonsense"), "invalid_parameter"),
    ],
    ids=range(8),
)
async def test_a_form_that_is_none_is_refused_and_nothing_is_kept(sent, code: str) -> None:
    async with running() as service:
        status, problem, _ = await service.ask("POST", FILES, data=sent)
        assert (status in (400, 422), problem["code"]) == (True, code)
        assert await kept(service) == []


RAW = b'--x\r\nContent-Disposition: form-data; name="file"\r\n%s\r\ncontent\r\n--x%s'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (RAW % (b"", b'\r\nContent-Disposition: form-data; name="name"\r\n\r\na\r\n--x--\r\n'), "invalid_parameter"),
        ((RAW % (b"", b"--\r\n"))[:-9], "malformed_body"),
        (RAW % (b"Content-Transfer-Encoding: base64\r\n", b"--\r\n"), "unsupported_media_type"),
        (RAW % (b"Content-Encoding: gzip\r\n", b"--\r\n"), "unsupported_media_type"),
        (RAW % (b"Content-Type: multipart/mixed; boundary=y\r\n", b"--\r\n"), "malformed_body"),
        (b"nonsense", "malformed_body"),
        (b"", "malformed_body"),
        (b"--x--\r\n", "malformed_body"),
    ],
    ids=["a field behind the file", "cut", "base64", "gzip", "nested", "nonsense", "nothing", "no part"],
)
async def test_the_bytes_of_a_form_are_judged(service: Running, body: bytes, code: str) -> None:
    status, problem, _ = await service.send(FILES, body, "multipart/form-data; boundary=x")
    assert (status in (400, 415), problem["code"]) == (True, code), problem
    assert await kept(service) == []


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; =;"])
async def test_a_form_without_a_boundary_is_refused(service: Running, kind: str) -> None:
    assert (await service.send(FILES, b"--x--\r\n", kind))[1]["code"] == "malformed_body"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Digest": digest(b"other")}, 422, "digest_mismatch"),
        ({"Content-Digest": "sha-256=:AAAA:"}, 400, "invalid_parameter"),
        ({"Content-Digest": "sha-512=:AAAA:"}, 400, "invalid_parameter"),
        ({"Content-Digest": "nonsense"}, 400, "invalid_parameter"),
        ({"Content-Digest": f"{digest(b'content')}, {digest(b'other')}"}, 400, "invalid_parameter"),
        ({"Content-Digest": f"{digest(b'content')}\r\nContent-Digest: {digest(b'other')}"}, 400, "invalid_parameter"),
        ({"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        ({"Content-Range": "bytes 3-9/10"}, 400, "invalid_parameter"),
        ({"Content-Type": "nonsense"}, 400, "invalid_parameter"),
        ({"Content-Type": "text/html\x00"}, 400, "invalid_request"),
        ({"X-Metadata-": "a"}, 400, "invalid_parameter"),
        ({"X-Metadata-a": "x" * 66_000}, 400, "invalid_request"),
    ],
)
async def test_headers_are_judged_and_nothing_is_kept(service: Running, headers, status: int, code: str) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"PUT {FILES}/f1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\nConnection: close\r\n{lines}\r\n"
    answer = await service.raw(head.encode() + b"content")
    assert answer.split(b" ")[1] == b"%d" % status
    assert b'"code":"%s"' % code.encode() in answer
    assert await kept(service) == []


async def test_several_digests_may_be_named(service: Running) -> None:
    assert (await put(service, Content_Digest=f"sha-512=:AAAA:, {digest(CONTENT)}"))[0] == 201


@pytest.mark.parametrize(
    "file_id", ["..", ".", "..%2f..%2fx", "a%2Fb", "a%5Cb", "%00", "a%0Ab", "%E2%80%AEx", "x" * 65, "%20.", "a%CC%81"]
)
async def test_ids_that_look_like_paths_or_other_ids_are_refused(service: Running, file_id: str) -> None:
    head = f"PUT {FILES}/{file_id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    answer = await service.raw(head.encode())
    assert answer.split(b" ")[1] in (b"400", b"404", b"405"), answer
    assert await kept(service) == []


@pytest.mark.parametrize("file_id", ["%2541", "ä", "🌍", "a b", "a'*%3F%22<>|", "CON", "-rf", "info", "%E4%BD%A0"])
async def test_odd_ids_are_just_ids(service: Running, file_id: str) -> None:
    status, record, response = await put(service, file_id)
    assert status == 201
    assert (await service.get(response.headers["Location"]))[1] == CONTENT
    assert (await service.get(f"{FILES}/{file_id}/info"))[1] == record


@pytest.mark.parametrize(
    ("kind", "answered", "disposition"),
    [
        ("image/png", "image/png", "inline"),
        ("text/plain; charset=utf-8", "text/plain", "inline"),
        ("application/pdf", "application/pdf", "attachment"),
        ("text/html", "application/octet-stream", "attachment"),
        ("IMAGE/SVG+XML", "application/octet-stream", "attachment"),
        ("application/xhtml+xml", "application/octet-stream", "attachment"),
        ("text/javascript", "application/octet-stream", "attachment"),
    ],
)
async def test_what_a_browser_might_run_is_sent_as_bytes(service: Running, kind, answered, disposition) -> None:
    await put(service, kind=kind)
    _, _, response = await service.get(f"{FILES}/f1")
    assert response.headers["Content-Type"] == answered
    assert response.headers["Content-Disposition"] == f'{disposition}; filename="f1"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


async def test_a_name_of_any_text_is_one_header(service: Running) -> None:
    name = 'Grüße "x"; filename=evil\\\'你好.txt'.replace("\\", "")
    await service.ask("PUT", f"{FILES}/f1", params={"name": name}, data=b"x")
    _, _, response = await service.get(f"{FILES}/f1")
    parsed = aiohttp.multipart.parse_content_disposition(response.headers["Content-Disposition"])[1]
    assert parsed["filename*"] == name
    for bad in ("a/b", "a\r\nX: y", "..", "\u202ex", "x" * 256, ""):
        status, problem, _ = await service.ask("PUT", f"{FILES}/f2", params={"name": bad}, data=b"x")
        assert status == (201 if bad == "" else 400), problem


async def test_limits_of_size_and_type() -> None:
    async with running(limits=ObjectSettings(max_bytes=1000, types=["image/*", "application/pdf"])) as service:
        assert (await put(service, content=b"x" * 1000))[0] == 201
        status, problem, _ = await put(service, content=b"x" * 1001)
        assert (status, problem["code"]) == (413, "payload_too_large")

        async def endless():
            while True:
                yield b"x" * 100_000

        status, problem, _ = await service.ask(
            "PUT", f"{FILES}/f1", data=endless(), headers={"Content-Type": "image/png"}
        )
        assert (status, problem["code"]) == (413, "payload_too_large")
        status, problem, _ = await put(service, kind="text/html")
        assert (status, problem["code"]) == (415, "unsupported_media_type")
        assert "image/*, application/pdf" in problem["detail"]
        assert (await put(service, kind="application/pdf", content=b""))[0] == 200
        assert len(await kept(service)) == 1


async def test_a_body_that_ends_early_leaves_nothing(service: Running) -> None:
    async with service.connection() as (_, writer):
        writer.write(f"PUT {FILES}/f1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\npart".encode())
        await writer.drain()
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    assert await kept(service) == []
    assert (await service.get(f"{FILES}/f1"))[0] == 404


async def test_a_body_that_pauses_is_given_up() -> None:
    async with running(bodies=Bodies(seconds=0.2)) as service, service.connection() as (reader, writer):
        writer.write(f"PUT {FILES}/f1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\npart".encode())
        answer = await reader.read()
        assert b" 408 " in answer
        assert b'"body_too_slow"' in answer
        assert await kept(service) == []


async def test_more_uploads_than_are_taken_at_once_wait(service: Running) -> None:
    service.services.filing.uploads = Uploads(1)
    async with service.connection() as (_, writer):
        writer.write(f"PUT {FILES}/f1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\npart".encode())
        await writer.drain()
        await asyncio.sleep(0.05)
        status, problem, response = await put(service, "f2")
        assert (status, problem["code"], response.headers["Retry-After"]) == (503, "unavailable", "1")
    await asyncio.sleep(0.05)
    assert (await put(service, "f2"))[0] == 201


async def test_one_caller_does_not_take_all_the_uploads() -> None:
    async with running(auth="keys") as service:
        service.services.filing.uploads = uploads = Uploads(4)
        greedy, other = await service.key("write"), await service.key("write")
        async with AsyncExitStack() as stack:
            for number in range(2):
                _, writer = await stack.enter_async_context(service.connection())
                head = f"PUT {FILES}/g{number} HTTP/1.1\r\nHost: x\r\nX-API-Key: {greedy['X-API-Key']}\r\n"
                writer.write(f"{head}Content-Length: 1000\r\n\r\npart".encode())
            while uploads._running.total() < 2:  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.005)
            status, problem, response = await put(service, "g2", **greedy)
            assert (status, problem["code"], response.headers["Retry-After"]) == (429, "slow_down", "1")
            assert (await put(service, "f1", **other))[0] == 201
        while uploads._running:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        assert (await put(service, "g2", **greedy))[0] == 201


class Broken(MemoryObjectStore):
    """A store that breaks in the middle of an object."""

    async def get(self, name, *, start=0, length=None):
        yield b"first"
        raise BackendUnavailable("It is gone.")


async def test_a_store_that_breaks_in_an_answer_cuts_it() -> None:
    async with running(objects=Broken(SystemClock())) as service:
        await put(service)
        with pytest.raises(aiohttp.ClientPayloadError):
            await service.get(f"{FILES}/f1")


async def test_an_object_that_is_gone_is_said_to_be_gone(service: Running) -> None:
    await put(service)
    for name in await kept(service):
        await service.services.filing.files._objects.delete(name)
    status, problem, _ = await service.get(f"{FILES}/f1")
    assert (status, problem["code"]) == (404, "object_not_found")
    assert (await service.get(f"{FILES}/f1/info"))[0] == 200


async def test_where_files_are_off_it_is_said_with_the_cure(service: Running) -> None:
    service.services.filing.files = None
    for method, path in (("PUT", "/f1"), ("GET", "/f1"), ("POST", "")):
        status, problem, _ = await service.ask(method, FILES + path, data=b"x" if method != "GET" else None)
        assert (status, problem["code"]) == (501, "ability_missing")
        assert "objects.type" in problem["detail"]


async def test_metadata_that_no_header_can_hold_is_in_the_record_alone(service: Running) -> None:
    known = {"a": "one", "b": "zwölf", "c": 3, "d e": "x", "f": "x\r\ny", "g": "x" * 3000}
    sent = form(("file_id", "f1"), ("metadata", json.dumps(known)), filename="x")
    await service.ask("POST", FILES, data=sent)
    _, _, response = await service.get(f"{FILES}/f1")
    assert {name for name in response.headers if name.lower().startswith("x-metadata-")} == {"X-Metadata-a"}
    assert (await service.get(f"{FILES}/f1/info"))[1]["metadata"] == known

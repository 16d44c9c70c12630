"""Resumable uploads over HTTP: begun, broken off, gone on with; and what is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from datetime import timedelta

import pytest

from adapters.localdisk.object_store import LocalDiskObjectStore
from domain.model.uploads import PIECE_BYTES
from entrypoints.http.body import Bodies
from entrypoints.settings import ObjectSettings
from tests.integration.http.running import Running, running

UPLOADS, FILES = "/api/v1/storage/uploads", "/api/v1/storage/files"
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = TUS | {"Content-Type": "application/offset+octet-stream"}
CONTENT = bytes(range(256)) * 40


def said(**words: str) -> str:
    return ",".join(f"{name} {base64.b64encode(word.encode()).decode()}" for name, word in words.items())


async def begin(service: Running, length: int = len(CONTENT), **words: str) -> str:
    headers = TUS | {"Upload-Length": str(length)} | ({"Upload-Metadata": said(**words)} if words else {})
    status, answer, response = await service.ask("POST", UPLOADS, headers=headers)
    assert status == 201, answer
    assert response.headers["Tus-Resumable"] == "1.0.0"
    return response.headers["Location"]


async def send(service: Running, place: str, offset: int, content: bytes, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await service.ask(
        "PATCH", place, data=io.BytesIO(content), headers=PIECE | {"Upload-Offset": str(offset)} | named
    )


async def offset(service: Running, place: str) -> int:
    status, _, response = await service.ask("HEAD", place, headers=TUS)
    assert (status, response.headers["Cache-Control"]) == (200, "no-store")
    return int(response.headers["Upload-Offset"])


async def objects(service: Running) -> list[str]:
    store = service.services.filing.files._objects
    return [found.name async for portion in store.list() for found in portion]


async def test_pieces_become_a_file(service: Running) -> None:
    place = await begin(service, file_id="f1", filename="a b.png", filetype="image/png", author="Zoë")
    assert await offset(service, place) == 0
    status, _, response = await send(service, place, 0, CONTENT[:1000])
    assert (status, response.headers["Upload-Offset"]) == (204, "1000")
    assert "GMT" in response.headers["Upload-Expires"]
    assert (await service.get(f"{FILES}/f1"))[0] == 404
    assert await offset(service, place) == 1000
    status, _, response = await send(service, place, 1000, CONTENT[1000:])
    assert (status, response.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
    assert response.headers["Content-Location"] == f"{FILES}/f1"

    status, body, found = await service.get(f"{FILES}/f1")
    assert (status, body, found.headers["Content-Type"]) == (200, CONTENT, "image/png")
    _, record, _ = await service.get(f"{FILES}/f1/info")
    assert (record["name"], record["metadata"]) == ("a b.png", {"author": "Zoë"})
    assert record["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert await offset(service, place) == len(CONTENT)
    assert not [name for name in await objects(service) if name.rpartition("-")[2].isdecimal() and "upload" in name]


async def test_the_state_can_be_read_as_json_and_the_description_comes_back(service: Running) -> None:
    place = await begin(service, length=3, filename="x")
    _, state, response = await service.get(place)
    assert (state["offset"], state["length"], place.endswith(state["upload_id"])) == (0, 3, True)
    assert response.headers["Upload-Metadata"] == said(filename="x")
    await send(service, place, 0, b"abc")
    assert (await service.get(f"{FILES}/{state['file_id']}"))[1] == b"abc"


async def test_a_file_without_content_is_there_at_once(service: Running) -> None:
    place = await begin(service, length=0, file_id="empty")
    assert await offset(service, place) == 0
    assert (await service.get(f"{FILES}/empty"))[:2] == (200, b"")


async def test_an_upload_goes_on_behind_a_broken_connection(service: Running) -> None:
    place = await begin(service, file_id="f1")
    head = (
        f"PATCH {place} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
    )
    async with service.connection() as (_, writer):
        writer.write(head.encode() + CONTENT[:3000])
        await writer.drain()
        writer.close()
    for _ in range(100):  # what was on its way may arrive between the two
        reached = await offset(service, place)
        assert reached <= 3000
        status, _, _ = await send(service, place, reached, CONTENT[reached:])
        if status == 204:
            break
    assert (await service.get(f"{FILES}/f1"))[1] == CONTENT


async def test_what_arrived_before_the_sender_fell_silent_is_kept() -> None:
    async with running(bodies=Bodies(seconds=0.3)) as service:
        place = await begin(service, file_id="f1")
        head = (
            f"PATCH {place} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
        )
        async with service.connection() as (reader, writer), asyncio.timeout(30):
            writer.write(head.encode() + CONTENT[:100])
            assert b" 408 " in await reader.readline()
        assert await offset(service, place) in (0, 100)  # it may be thrown away with the connection


async def test_a_long_request_is_kept_piece_by_piece(tmp_path) -> None:
    content = bytes(1024) * 1024 * 17 + b"end"
    store = LocalDiskObjectStore(tmp_path / "objects")
    await store.open()
    async with running(objects=store) as service:
        place = await begin(service, length=len(content) + 1, file_id="f1")
        assert (await send(service, place, 0, content))[0] == 204
        pieces = [name.rpartition("-")[2] for name in await objects(service) if not name.endswith("plan")]
        assert [int(piece) for piece in pieces] == [0, PIECE_BYTES, 2 * PIECE_BYTES]
        assert (await send(service, place, len(content), b"!"))[0] == 204
        assert (await service.get(f"{FILES}/f1"))[1] == content + b"!"
    await store.close()


async def test_content_that_does_not_go_on_where_the_upload_is_is_refused(service: Running) -> None:
    place = await begin(service)
    await send(service, place, 0, CONTENT[:10])
    for wrong in (0, 9, 11, 10**17):
        status, answer, _ = await send(service, place, wrong, b"x" if wrong < 100 else b"")
        assert (
            (status, answer["code"]) == (409, "upload_offset_mismatch") if wrong < 100 else (413, "payload_too_large")
        )
    assert await offset(service, place) == 10


async def test_of_two_that_go_on_at_one_place_one_wins_and_the_file_is_whole(service: Running) -> None:
    place = await begin(service, file_id="f1")
    answers = await asyncio.gather(*(send(service, place, 0, CONTENT[:5000]) for _ in range(5)))
    assert sorted(status for status, *_ in answers) == [204, 409, 409, 409, 409]
    await send(service, place, 5000, CONTENT[5000:])
    assert (await service.get(f"{FILES}/f1"))[1] == CONTENT


async def test_more_than_was_said_is_refused_and_less_waits(service: Running) -> None:
    place = await begin(service, length=10, file_id="f1")
    assert (await send(service, place, 0, b"x" * 11))[0] == 413
    status, answer, _ = await service.ask(
        "PATCH", place, data=_chunks(b"x" * 6, b"x" * 6), headers=PIECE | {"Upload-Offset": "0"}
    )
    assert (status, answer["code"]) == (413, "payload_too_large")
    assert await offset(service, place) == 0
    await send(service, place, 0, b"y" * 9)
    assert (await service.get(f"{FILES}/f1"))[0] == 404
    await send(service, place, 9, b"z")
    assert (await service.get(f"{FILES}/f1"))[1] == b"y" * 9 + b"z"
    assert (await send(service, place, 10, b"more"))[0] == 413


async def _chunks(*parts: bytes):
    for part in parts:
        yield part


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_piece_with_another_checksum_leaves_nothing(service: Running, algorithm: str) -> None:
    place = await begin(service, file_id="f1")
    digest = base64.b64encode(hashlib.new(algorithm, CONTENT[:100]).digest()).decode()
    status, answer, _ = await send(service, place, 0, CONTENT[:99], Upload_Checksum=f"{algorithm} {digest}")
    assert (status, answer["code"]) == (460, "checksum_mismatch")
    assert await offset(service, place) == 0
    assert (await send(service, place, 0, CONTENT[:100], Upload_Checksum=f"{algorithm} {digest}"))[0] == 204
    for wrong in ("md5 AAAA", "sha1", "sha1 AAAA", "sha256 ?", ""):
        status, answer, _ = await send(service, place, 100, b"x", Upload_Checksum=wrong)
        assert (status, answer["code"]) == (400, "invalid_parameter")
    await send(service, place, 100, CONTENT[100:])
    assert (await service.get(f"{FILES}/f1"))[1] == CONTENT


async def test_an_ended_upload_is_gone_with_its_pieces_and_a_file_stays(service: Running) -> None:
    place = await begin(service)
    await send(service, place, 0, b"some")
    status, _, response = await service.ask("DELETE", place, headers=TUS)
    assert (status, response.headers["Tus-Resumable"]) == (204, "1.0.0")
    for method in ("HEAD", "DELETE"):
        assert (await service.ask(method, place, headers=TUS))[0] == 404
    assert (await send(service, place, 4, b"more"))[1]["code"] == "upload_not_found"
    assert await objects(service) == []

    place = await begin(service, length=1, file_id="f1")
    await send(service, place, 0, b"x")
    assert (await service.ask("DELETE", place, headers=TUS))[0] == 204
    assert (await service.get(f"{FILES}/f1"))[1] == b"x"


async def test_a_client_that_can_only_post_says_what_it_means(service: Running) -> None:
    place = await begin(service, length=1, file_id="f1")
    headers = PIECE | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await service.ask("POST", place, data=b"x", headers=headers))[0] == 204
    assert (await service.ask("POST", place, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}))[0] == 204
    assert (await service.ask("POST", place, headers=TUS))[0] == 405


async def test_what_the_service_can_do_is_told_without_a_version(service: Running) -> None:
    status, _, response = await service.ask("OPTIONS", UPLOADS)
    assert (status, response.headers["Tus-Version"]) == (204, "1.0.0")
    assert response.headers["Tus-Extension"] == "creation,expiration,checksum,termination"
    assert response.headers["Tus-Max-Size"] == str(5 * 1024**3)


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", ""])
async def test_another_version_of_the_protocol_is_refused_and_ours_is_told(service: Running, version) -> None:
    headers = {"Upload-Length": "1"} | ({} if version is None else {"Tus-Resumable": version})
    status, answer, response = await service.ask("POST", UPLOADS, headers=headers)
    assert (status, answer["code"], response.headers["Tus-Version"]) == (412, "protocol_version_unknown", "1.0.0")
    assert response.headers["Tus-Resumable"] == "1.0.0"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "1e3"}, 400),
        ({"Upload-Length": "٣"}, 400),
        ({"Upload-Length": "9" * 30}, 400),
        ({"Upload-Length": str(5 * 1024**3 + 1)}, 413),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": "filename"}, 201),
        ({"Upload-Length": "1", "Upload-Metadata": "filename !!"}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": "filename /w=="}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": "a YQ==,a YQ=="}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": ",,"}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": said(filename="../x")}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": said(file_id="../x")}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": said(file_id="x" * 65)}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": said(filetype="image")}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": said(note="a\0b")}, 400),
        ({"Upload-Length": "1", "If-Match": "*"}, 400),
    ],
)
async def test_a_beginning_that_makes_no_sense_is_refused_and_leaves_nothing(service: Running, headers, status) -> None:
    found, answer, _ = await service.ask("POST", UPLOADS, headers=TUS | headers)
    assert found == status, answer
    assert bool(await objects(service)) is (status == 201)


async def test_an_id_that_a_file_has_is_refused_at_the_beginning_and_at_the_end(service: Running) -> None:
    await service.ask("PUT", f"{FILES}/f1", data=b"there")
    headers = TUS | {"Upload-Length": "1", "Upload-Metadata": said(file_id="f1")}
    status, answer, _ = await service.ask("POST", UPLOADS, headers=headers)
    assert (status, answer["current"]["file_id"]) == (412, "f1")

    place = await begin(service, length=2, file_id="f2")
    await send(service, place, 0, b"x")
    await service.ask("PUT", f"{FILES}/f2", data=b"there")
    status, answer, _ = await send(service, place, 1, b"y")
    assert (status, answer["current"]["file_id"]) == (412, "f2")
    assert (await service.get(f"{FILES}/f2"))[1] == b"there"


async def test_files_of_other_types_than_those_taken_are_refused() -> None:
    async with running(limits=ObjectSettings(types=["image/*"])) as service:
        headers = TUS | {"Upload-Length": "1", "Upload-Metadata": said(filetype="text/html")}
        assert (await service.ask("POST", UPLOADS, headers=headers))[0] == 415


@pytest.mark.parametrize("upload_id", ["x", "0" * 32, "0" * 31, "..%2F..", "%00", "a%2Fb", "plan", "0" * 5000])
async def test_an_upload_that_there_is_not_is_not_found(service: Running, upload_id: str) -> None:
    for method in ("GET", "DELETE"):
        assert (await service.ask(method, f"{UPLOADS}/{upload_id}", headers=TUS))[0] == 404
    assert (await send(service, f"{UPLOADS}/{upload_id}", 0, b"x"))[0] == 404


async def test_a_body_that_is_no_piece_is_refused(service: Running) -> None:
    place = await begin(service)
    for headers in ({"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}):
        assert (await service.ask("PATCH", place, data=b"x", headers=PIECE | {"Upload-Offset": "0"} | headers))[
            0
        ] == 415
    assert (await service.ask("PATCH", place, data=b"x", headers=PIECE))[0] == 400
    assert await offset(service, place) == 0


async def test_a_content_that_was_complete_when_the_process_ended_becomes_the_file_at_the_next_look(
    service: Running,
) -> None:
    place = await begin(service, length=4, file_id="f1")
    await send(service, place, 0, b"ab")
    upload_id = place.rpartition("/")[2]
    store = service.services.filing.files._objects
    await store.put(f"upload-{upload_id}-{2:020}", _chunks(b"cd"))  # durable, and then the power went
    assert (await service.get(f"{FILES}/f1"))[0] == 404
    assert await offset(service, place) == 4
    assert (await service.get(f"{FILES}/f1"))[1] == b"abcd"


async def test_a_file_that_was_stored_when_the_process_ended_is_not_stored_again(service: Running) -> None:
    place = await begin(service, length=2, file_id="f1")
    await send(service, place, 0, b"ab")
    _, before, _ = await service.get(f"{FILES}/f1/info")
    upload_id = place.rpartition("/")[2]
    store = service.services.filing.files._objects
    await store.delete(f"upload-{upload_id}-done")
    await store.put(f"upload-{upload_id}-{0:020}", _chunks(b"ab"))
    assert await offset(service, place) == 2
    assert (await service.get(f"{FILES}/f1/info"))[1] == before
    assert len(await objects(service)) == 3  # the content, the plan, and that it is done


async def test_uploads_that_nobody_goes_on_with_are_swept_after_a_day(service: Running) -> None:
    old, done = await begin(service), await begin(service, length=1, file_id="f1")
    await send(service, old, 0, b"some")
    await send(service, done, 0, b"x")
    sweeper, filing = service.services.filing.watch._sweeper, service.services.filing
    assert (await filing.resumable.expire()).removed == 0

    class Later:
        def now(self):
            return service.services.clock.now() + timedelta(hours=24, seconds=1)

    filing.resumable._clock = sweeper._clock = Later()
    swept = await sweeper.sweep(1)
    assert swept.removed == 4  # two plans, a piece, and that the other is done
    assert (await service.ask("HEAD", old, headers=TUS))[0] == 404
    assert (await service.get(f"{FILES}/f1"))[1] == b"x"

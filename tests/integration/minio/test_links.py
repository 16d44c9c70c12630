"""Content past the service, by links to a bucket: only what the link says, and a file only of what was announced."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from minio import time as minio_time
from yarl import URL

from adapters.minio.object_store import MinioObjectStore
from domain.model.links import Shown, Validity
from domain.services.uploads import piece_name
from tests.integration.http.running import Running, running

FILES, UPLOADS = "/api/v1/storage/files", "/api/v1/storage/uploads"
CONTENT = bytes(range(256)) * 40
SHOWN = Shown(content_type="application/pdf", disposition="attachment; filename=\"x\"; filename*=UTF-8''%C3%BC")


@pytest.fixture
async def store(minio) -> AsyncIterator[MinioObjectStore]:
    settings = minio.settings()
    minio.create(settings.bucket)
    found = MinioObjectStore(settings)
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def service(store: MinioObjectStore) -> AsyncIterator[Running]:
    async with running(objects=store) as found:
        yield found


@pytest.fixture
async def outside() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that knows nothing but links."""
    async with aiohttp.ClientSession() as found:
        yield found


async def send(outside, link: dict[str, Any], content: bytes | None = None, method: str = "", **changed: str | None):
    """Use a link; ``changed``: headers in the place of its own, None: left out."""
    headers = link["headers"] | {name.replace("_", "-"): value for name, value in changed.items()}
    async with outside.request(
        method or link["method"],
        URL(link["url"], encoded=True),
        data=content,
        headers={name: value for name, value in headers.items() if value is not None},
        skip_auto_headers=["Content-Type"],
    ) as response:
        return response.status, await response.read(), response.headers


async def to_get(service: Running, file_id: str = "f1", **said: Any) -> dict[str, Any]:
    status, link, response = await service.ask("POST", f"{FILES}/{file_id}/links", json={"method": "GET"} | said)
    assert (status, response.headers["Cache-Control"]) == (201, "no-store"), link
    return link


async def to_put(service: Running, file_id: str = "f1", content: bytes = CONTENT, **said: Any) -> dict[str, Any]:
    wanted = {"method": "PUT", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    status, link, _ = await service.ask("POST", f"{FILES}/{file_id}/links", json=wanted | said)
    assert status == 201, link
    return link


async def complete(service: Running, link: dict[str, Any]):
    return await service.ask("POST", f"{link['upload']}/complete")


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_link_lasts_as_long_as_it_says_though_the_clocks_are_minutes_apart(
    store, outside, monkeypatch, minutes
) -> None:
    async def content():
        yield CONTENT

    await store.put("ab-1", content())
    right, apart = minio_time.utcnow, timedelta(minutes=minutes)
    monkeypatch.setattr(minio_time, "utcnow", lambda: right() + apart)
    assert await store.stat("ab-1")
    valid = Validity(since=datetime.now(UTC) + apart, seconds=60)
    link = store.link_to_get("ab-1", valid, SHOWN)
    assert link.expires_at == valid.since + timedelta(seconds=60)  # by the clock here
    status, got, _ = await send(outside, {"method": link.method, "url": link.url, "headers": dict(link.headers)})
    assert (status, got) == (200, CONTENT)
    begun = datetime.strptime(URL(link.url).query["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
    assert abs(begun - datetime.now(UTC)) < timedelta(minutes=5)  # by the store's


async def names(store: MinioObjectStore) -> list[str]:
    return [found.name async for portion in store.list() for found in portion]


async def put(service: Running, kind: str = "image/png", **params: str) -> None:
    headers = {"Content-Type": kind}
    assert (await service.ask("PUT", f"{FILES}/f1", data=CONTENT, params=params, headers=headers))[0] in (200, 201)


async def test_what_is_put_by_a_link_becomes_a_file_when_it_is_completed(service, store, outside) -> None:
    link = await to_put(service, name="Grüße.txt", content_type="text/plain", metadata={"a": [1.50]})
    assert (await complete(service, link))[1]["code"] == "upload_incomplete"
    status, said, _ = await send(outside, link, CONTENT)
    assert status == 200, said
    assert (await service.get(f"{FILES}/f1"))[0] == 404

    status, record, response = await complete(service, link)
    assert status == 200, record
    assert (record["name"], record["content_type"], record["metadata"]) == ("Grüße.txt", "text/plain", {"a": [1.5]})
    assert (record["size"], record["sha256"]) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert response.headers["Content-Location"] == f"{FILES}/f1"
    status, content, answer = await service.get(f"{FILES}/f1")
    assert (status, content, answer.headers["ETag"]) == (200, CONTENT, response.headers["ETag"])
    assert (await complete(service, link))[1] == record
    kept = await names(store)
    assert record["object"] in kept
    assert piece_name(link["upload"].rpartition("/")[2], 0) not in kept


async def test_a_file_is_got_by_a_link_as_the_service_gives_it(service, outside) -> None:
    await put(service, "application/pdf", name="Grüße.pdf")
    link = await to_get(service, expires_in=60)
    assert (link["method"], link["headers"], link["upload"]) == ("GET", {}, None)
    status, content, headers = await send(outside, link)
    assert (status, content, headers["Content-Type"]) == (200, CONTENT, "application/pdf")
    assert headers["Content-Disposition"].startswith('attachment; filename="Gr__e.pdf"')
    status, content, _ = await send(outside, link, Range="bytes=5-9")
    assert (status, content) == (206, CONTENT[5:10])


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/javascript", "image/png", "text/plain"])
async def test_nothing_is_run_or_shown_under_the_address_of_the_store(service, outside, kind: str) -> None:
    await put(service, kind)
    _, _, headers = await send(outside, await to_get(service))
    assert headers["Content-Disposition"] == 'attachment; filename="f1"'
    assert headers["Content-Type"] == (kind if kind in ("image/png", "text/plain") else "application/octet-stream")


async def test_a_link_is_for_what_it_says_and_nothing_else(service, outside) -> None:
    await put(service, "text/html")
    link = await to_get(service)
    for old, new in (
        ("response-content-type=application%2Foctet-stream", "response-content-type=text%2Fhtml"),
        ("response-content-disposition=attachment", "response-content-disposition=inline"),
        ("X-Amz-Expires=900", "X-Amz-Expires=9000"),
        ("?", "?response-content-type=text%2Fhtml&"),
        ("?", "x?"),
    ):
        assert old in link["url"]
        status, _, _ = await send(outside, link | {"url": link["url"].replace(old, new, 1)})
        assert status == 403, new
    for method in ("PUT", "DELETE", "POST"):
        assert (await send(outside, link, method=method))[0] in (400, 403)
    assert (await service.get(f"{FILES}/f1"))[1] == CONTENT


async def test_a_link_ends(store, outside) -> None:
    async def content():
        yield CONTENT

    await store.put("ab-1", content())
    past = Validity(since=datetime.now(UTC) - timedelta(minutes=10), seconds=60)
    got = store.link_to_get("ab-1", past, SHOWN)
    sent = store.link_to_put("ab-2", past, size=1, sha256=hashlib.sha256(b"x").digest())
    for link, body in ((got, None), (sent, b"x")):
        status, said, _ = await send(
            outside, {"method": link.method, "url": link.url, "headers": dict(link.headers)}, body
        )
        assert (status, b"expired" in said) == (403, True)
    assert await names(store) == ["ab-1"]


async def test_only_what_was_announced_can_be_put_and_only_once(service, store, outside) -> None:
    link = await to_put(service)
    other = bytes(len(CONTENT))
    for content, changed in (
        (other, {}),
        (CONTENT + b"!", {"Content_Length": None}),
        (CONTENT[:-1], {"Content_Length": None}),
        (CONTENT, {"If_None_Match": None}),
        (CONTENT, {"If_None_Match": '"x"'}),
        (other, {"x_amz_checksum_sha256": None}),
    ):
        status, said, _ = await send(outside, link, content, **changed)
        assert status in (400, 403), said
        assert (await complete(service, link))[1]["code"] == "upload_incomplete"
    assert (await send(outside, link, CONTENT, Content_Type="text/html"))[0] == 200
    assert (await send(outside, link, CONTENT))[0] == 412
    assert (await complete(service, link))[0] == 200
    _, _, headers = await send(outside, await to_get(service))
    assert headers["Content-Type"] == "application/octet-stream"


async def test_content_that_is_not_what_was_announced_leaves_nothing(service, store) -> None:
    """Where a store did not look at the digest: what is read back decides."""

    async def other():
        yield bytes(len(CONTENT))

    link = await to_put(service)
    await store.put(piece_name(link["upload"].rpartition("/")[2], 0), other())
    status, problem, _ = await complete(service, link)
    assert (status, problem["code"]) == (422, "digest_mismatch")
    assert await names(store) == []
    assert (await complete(service, link))[1]["code"] == "upload_not_found"
    assert (await service.get(f"{FILES}/f1"))[0] == 404


async def test_of_many_who_complete_one_upload_all_get_the_one_file(service, store, outside) -> None:
    link = await to_put(service)
    await send(outside, link, CONTENT)
    answers = await asyncio.gather(*(complete(service, link) for _ in range(5)))
    assert {(status, record["revision"]) for status, record, _ in answers} == {(200, answers[0][1]["revision"])}
    assert len([name for name in await names(store) if not name.startswith("upload-")]) == 1


async def test_an_id_that_was_taken_meanwhile_is_kept_as_it_is(service, outside) -> None:
    link = await to_put(service, content=b"late")
    await put(service)
    await send(outside, link, b"late")
    assert (await complete(service, link))[1]["code"] == "precondition_failed"
    assert (await service.get(f"{FILES}/f1"))[1] == CONTENT
    wanted = {"method": "PUT", "size": 1, "sha256": "0" * 64}
    status, problem, _ = await service.ask("POST", f"{FILES}/f1/links", json=wanted)
    assert (status, problem["code"]) == (412, "precondition_failed")


async def test_what_is_put_by_a_link_and_never_completed_expires(service, store, outside) -> None:
    link = await to_put(service)
    await send(outside, link, CONTENT)
    ended = await to_put(service, "f2")
    assert (await service.ask("DELETE", ended["upload"], headers={"Tus-Resumable": "1.0.0"}))[0] == 204
    assert (await send(outside, ended, CONTENT))[0] == 200  # a link cannot be called back
    uploads = service.services.filing.resumable
    assert (await uploads.expire()).removed == 0
    assert len(await names(store)) == 3
    uploads._clock = _Later()
    assert (await uploads.expire()).removed == 3
    assert await names(store) == []
    assert (await complete(service, link))[1]["code"] == "upload_not_found"


class _Later:
    """A clock a day ahead."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=25)


async def test_a_link_to_a_content_that_is_gone_is_refused(service, store, outside) -> None:
    status, problem, _ = await service.ask("POST", f"{FILES}/f1/links", json={"method": "GET"})
    assert (status, problem["code"]) == (404, "record_not_found")
    await put(service)
    link = await to_get(service)
    for name in await names(store):
        await store.delete(name)
    assert (await send(outside, link))[0] == 404
    status, problem, _ = await service.ask("POST", f"{FILES}/f1/links", json={"method": "GET"})
    assert (status, problem["code"]) == (404, "object_not_found")

"""Requests that last: what a key may is asked again on the way, and no reader or sender takes as long as it likes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web

from adapters.memory.backend import MemoryBackend
from adapters.memory.object_store import MemoryObjectStore
from adapters.system.clock import SystemClock
from domain.model.observations import RecordsAccepted, RequestFailed, RequestServed
from entrypoints.http import body, lasting
from entrypoints.http.body import Bodies
from entrypoints.http.call import Call
from tests.integration.http.running import API, Running, running, session, task

FILES, UPLOADS = "/api/v1/storage/files", "/api/v1/storage/uploads"
FILE, EXPORT, RESTORE = f"{FILES}/f1", "/api/v1/logs/export", f"{API}/recovery/restore/s1"
TASKS = f"{API}/tasks/batch"
SECONDS = 30.0  # far above what anything here takes; only a hang comes near
FIRST, SECOND = "the first half", "the second half"
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'


class Halves:
    """Lets the second half of anything go when it is told to."""

    def __init__(self) -> None:
        self.second = asyncio.Event()


class HeldBackend(MemoryBackend):
    """Gives records one by one; the second waits."""

    def __init__(self, halves: Halves) -> None:
        super().__init__()
        self._halves = halves

    async def scan(self, collection: Any, where: Any) -> AsyncIterator[Any]:
        async for portion in super().scan(collection, where):
            for record in portion:
                yield [record]
                await self._halves.second.wait()


class HeldObjects(MemoryObjectStore):
    """Gives objects byte for byte; the second half waits."""

    def __init__(self, halves: Halves) -> None:
        super().__init__(SystemClock())
        self._halves = halves

    async def get(self, name: str, *, start: int = 0, length: int | None = None) -> Any:
        async for piece in super().get(name, start=start, length=length):
            yield piece[: len(FIRST)]
            await self._halves.second.wait()
            yield piece[len(FIRST) :]


@pytest.fixture
def halves() -> Halves:
    return Halves()


@pytest.fixture
async def guarded(halves: Halves, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr(lasting, "AGAIN_SECONDS", 0.0)
    async with running(auth="keys", backend=HeldBackend(halves), objects=HeldObjects(halves)) as service:
        yield service


def head(method: str, path: str, key: str, *lines: str) -> bytes:
    more = "".join(f"{line}\r\n" for line in lines)
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n{more}\r\n".encode()


async def stored(service: Running) -> None:
    """Something of two halves for each address that answers with many."""
    key = await service.key("write")
    logs = [{"level": "info", "message": text, "log_id": f"l{n}"} for n, text in enumerate((FIRST, SECOND))]
    tasks = [task(f"t{n}", source_text=text) for n, text in enumerate((FIRST, SECOND))]
    for path, batch in (
        ("/api/v1/logs/batch", {"logs": logs}),
        (f"{API}/sessions/batch", {"sessions": [session("s1")]}),
        (f"{API}/tasks/batch", {"tasks": tasks}),
    ):
        assert (await service.ask("POST", f"{path}?ack=stored&timeout=30", json=batch, headers=key))[0] == 200
    assert (await service.ask("PUT", FILE, data=(FIRST + SECOND).encode(), headers=key))[0] == 201


async def revoked(service: Running, key: str) -> None:
    await service.services.credentials.keys.revoke(key[3:19], by="test")


@pytest.mark.parametrize(("method", "path"), [("GET", EXPORT), ("POST", RESTORE), ("GET", FILE)])
@pytest.mark.parametrize("is_revoked", [True, False], ids=["revoked", "kept"])
async def test_an_answer_is_cut_where_the_key_of_its_reader_is_revoked(
    guarded: Running, halves: Halves, method: str, path: str, is_revoked: bool
) -> None:
    await stored(guarded)
    key = (await guarded.key("read"))["X-API-Key"]
    async with guarded.connection() as (reader, writer), asyncio.timeout(SECONDS):
        writer.write(head(method, path, key, "Content-Length: 0", "Connection: close"))
        assert (await reader.readuntil(FIRST.encode())).startswith(b"HTTP/1.1 200 ")
        if is_revoked:
            await revoked(guarded, key)
        halves.second.set()
        rest = await _all(reader)
    served = guarded.observed.of(RequestServed)[-1]
    assert (SECOND.encode() in rest, served.error) == ((False, "answer_cut") if is_revoked else (True, None))
    assert guarded.observed.of(RequestFailed) == []


async def _all(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends, however it does."""
    found = b""
    try:
        while some := await reader.read(1000):
            found += some
    except ConnectionError:
        pass
    return found


async def test_an_answer_that_has_not_begun_is_a_401(
    guarded: Running, halves: Halves, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves.second.set()
    await stored(guarded)
    key, settle = (await guarded.key("read"))["X-API-Key"], guarded.services.query.settle

    async def revoking(*collections: Any) -> None:
        await settle(*collections)
        await revoked(guarded, key)

    monkeypatch.setattr(guarded.services.query, "settle", revoking)
    assert (await guarded.get(EXPORT, headers={"X-API-Key": key}))[0] == 401


@pytest.mark.parametrize("is_revoked", [True, False], ids=["revoked", "kept"])
async def test_a_body_that_comes_slowly_is_not_taken_where_the_key_of_its_sender_is_revoked(
    guarded: Running, is_revoked: bool
) -> None:
    key = (await guarded.key("write"))["X-API-Key"]
    batch = json.dumps({"sessions": [session("s1")]}).encode()
    lines = ("Content-Type: application/json", f"Content-Length: {len(batch)}", "Connection: close")
    begin = head("POST", f"{API}/sessions/batch", key, *lines)
    async with guarded.connection() as (reader, writer), asyncio.timeout(SECONDS):
        writer.write(begin + batch[:9])
        while not guarded.services.bodies.in_flight:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0.005)
        if is_revoked:
            await revoked(guarded, key)
        writer.write(batch[9:])
        answer = await reader.read()
    assert answer.split(b" ")[1] == (b"401" if is_revoked else b"202")
    assert len(guarded.observed.of(RecordsAccepted)) == (0 if is_revoked else 1)


@pytest.mark.parametrize("way", ["put", "form", "upload"])
@pytest.mark.parametrize("is_revoked", [True, False], ids=["revoked", "kept"])
async def test_a_file_is_not_taken_where_the_key_of_its_sender_is_revoked(
    guarded: Running, halves: Halves, way: str, is_revoked: bool
) -> None:
    halves.second.set()  # what is sent in two halves is read as one
    key = (await guarded.key("write"))["X-API-Key"]
    request, taken = await _sending(guarded, way, key)
    async with guarded.connection() as (reader, writer), asyncio.timeout(SECONDS):
        writer.write(request)
        while not guarded.services.filing.uploads._running:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0.005)
        if is_revoked:
            await revoked(guarded, key)
        writer.write(SECOND.encode() + (b"\r\n--b--\r\n" if way == "form" else b""))
        answer = await reader.read()
    assert answer.split(b" ")[1] == (b"401" if is_revoked else taken)
    files = (await guarded.get(FILES, headers=await guarded.key("read")))[1]["items"]
    assert len(files) == (0 if is_revoked else 1)


async def _sending(service: Running, way: str, key: str) -> tuple[bytes, bytes]:
    """A request with the first half of a file, and the status that it gets where nothing is wrong with it."""
    size, first = len(FIRST) + len(SECOND), FIRST.encode()
    if way == "put":
        return head("PUT", FILE, key, f"Content-Length: {size}", "Connection: close") + first, b"201"
    if way == "form":
        lines = (f"Content-Length: {len(FORM) + size + 9}", "Content-Type: multipart/form-data; boundary=b")
        return head("POST", FILES, key, *lines, "Connection: close") + FORM + first, b"201"
    begun = {"X-API-Key": key, "Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
    _, _, response = await service.ask("POST", UPLOADS, headers=begun)
    lines = (f"Content-Length: {size}", "Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Connection: close")
    kind = "Content-Type: application/offset+octet-stream"
    return head("PATCH", response.headers["Location"], key, *lines, kind) + first, b"204"


class Endless(MemoryBackend):
    """Has one record, and gives it for ever."""

    async def scan(self, collection: Any, where: Any) -> AsyncIterator[Any]:
        found = [portion async for portion in super().scan(collection, where)]
        while True:
            for portion in found:
                yield portion


async def test_who_takes_nothing_of_an_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "WRITE_SECONDS", 0.2)
    async with running(backend=Endless()) as service:
        log = {"level": "info", "message": "x" * 10_000, "log_id": "l1"}
        stored = await service.ask("POST", "/api/v1/logs/batch?ack=stored&timeout=30", json={"logs": [log]})
        assert stored[0] == 200
        async with service.connection() as (reader, writer), asyncio.timeout(SECONDS):
            writer.write(head("GET", EXPORT, "none"))
            await reader.readuntil(b"l1")
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio names the writing half alone
            while not (served := _served(service, "GET")):  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.02)
    assert [each.error for each in served] == ["answer_cut"]


@pytest.mark.parametrize(("records", "times"), [(20, 200), (2, 2000)])
async def test_who_asks_for_more_and_more_and_takes_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch, records: int, times: int
) -> None:
    """Large answers, and many that are too small for a deadline of their own."""
    monkeypatch.setattr(lasting, "WRITE_SECONDS", 0.2)
    async with running() as service:
        logs = [{"level": "info", "message": "x" * 10_000} for _ in range(20)]
        assert (await service.post("/api/v1/logs/batch?ack=stored&timeout=30", {"logs": logs}))[0] == 200
        held = len(service.server._connections)
        async with service.connection() as (_, writer), asyncio.timeout(10):  # the client's own end in 15 s
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(head("GET", f"/api/v1/logs?page_size={records}", "none") * times)
            while len(service.server._connections) == held:  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.005)
            while len(service.server._connections) > held:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        served = service.observed.of(RequestServed)
    assert len([each for each in served if each.method == "GET"]) < times


async def test_who_takes_not_even_the_end_of_an_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    class Untaken:
        async def write_eof(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(lasting, "WRITE_SECONDS", 0.05)
    stream = lasting.Stream(cast("Call", None), cast("web.StreamResponse", Untaken()))
    async with asyncio.timeout(SECONDS) as patience:
        with pytest.raises(TimeoutError):
            await stream.end()
    assert not patience.expired()


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_head_of_an_export_is_a_head_alone(form: str) -> None:
    """Else what somebody has stored poses as the answer to the next request of a connection."""
    async with running() as service:
        log = {"level": "info", "message": "\r\n\r\nHTTP/1.1 200 forged\r\n\r\n"}
        assert (await service.post("/api/v1/logs/batch?ack=stored&timeout=30", {"logs": [log]}))[0] == 200
        asked = head("HEAD", f"{EXPORT}?format={form}", "none")
        answer = await service.raw(asked + head("GET", "/health/live", "none", "Connection: close"))
    first, second, live = answer.split(b"\r\n\r\n")
    assert (first[:15], second[:15], live) == (b"HTTP/1.1 200 OK",) * 2 + (b'{"status":"live"}\n',)


async def test_each_piece_of_a_file_has_its_own_time() -> None:
    async with running(bodies=Bodies(seconds=0.5)) as service, service.connection() as (reader, writer):
        writer.write(head("PUT", FILE, "none", f"Content-Length: {6 * 262_144}", "Connection: close"))
        for _ in range(6):
            writer.write(b"x" * 262_144)
            await writer.drain()
            await asyncio.sleep(0.2)
        assert (await reader.read()).startswith(b"HTTP/1.1 201 ")


async def test_each_frame_of_a_stream_has_its_own_time() -> None:
    async with running(bodies=Bodies(seconds=0.5)) as service, service.connection() as (reader, writer):
        kind = "Content-Type: application/x-ndjson"
        writer.write(head("POST", TASKS, "none", kind, "Transfer-Encoding: chunked", "Connection: close"))
        for number in range(6):
            lines = b"".join(json.dumps(task(f"{number}-{n}")).encode() + b"\n" for n in range(1000))
            writer.write(b"%x\r\n%s\r\n" % (len(lines), lines))
            await writer.drain()
            await asyncio.sleep(0.2)
        writer.write(b"0\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 202 ")


async def test_a_body_below_the_minimum_rate_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "GRACE_SECONDS", 0.2)
    async with running(bodies=Bodies(seconds=3600.0)) as service:
        async with service.connection() as (reader, writer), asyncio.timeout(SECONDS):
            writer.write(head("POST", TASKS, "none", "Content-Type: application/json", "Content-Length: 100000"))
            while not _served(service, "POST"):
                writer.write(b" ")
                await asyncio.sleep(0.02)
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"at 1024 bytes/s or more" in answer


async def test_a_body_that_pauses_above_the_minimum_rate_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(body, "MINIMUM_RATE", 1)
    batch = json.dumps({"tasks": [task("t1", source_text="x" * 4096)]}).encode()
    lines = ("Content-Type: application/json", f"Content-Length: {len(batch)}", "Connection: close")
    async with running(bodies=Bodies(seconds=3600.0)) as service:
        async with service.connection() as (reader, writer), asyncio.timeout(SECONDS):
            writer.write(head("POST", TASKS, "none", *lines) + batch[:-2])
            await asyncio.sleep(0.5)
            writer.write(batch[-2:])
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 202 ")


def _served(service: Running, method: str) -> list[RequestServed]:
    return [each for each in service.observed.of(RequestServed) if each.method == method and each.error]

"""The listener under clients that do not behave: raw bytes on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import socket
import zlib
from collections.abc import AsyncIterator
from functools import partial

import pytest

from domain.errors import AddressInUse, InvalidConfiguration
from domain.model.observations import RequestServed
from entrypoints.http.app import create_app
from entrypoints.http.body import Bodies
from entrypoints.http.server import HttpServer
from tests.integration.http.running import API, Running, running, session, task

BATCH = json.dumps({"tasks": [task()]}).encode()
TASKS = f"{API}/tasks/batch"


def request(body: bytes = b"", *headers: str, method: str = "POST", path: str = TASKS) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def sized(body: bytes, *headers: str) -> bytes:
    return request(body, f"Content-Length: {len(body)}", *headers)


@pytest.fixture
async def hasty() -> AsyncIterator[Running]:
    """A service with short deadlines."""
    async with running(bodies=Bodies(seconds=0.3), keepalive_seconds=0.3) as found:
        yield found


async def test_who_says_nothing_or_never_ends_a_header_is_cut(hasty: Running) -> None:
    assert await hasty.raw(b"") == b""
    assert await hasty.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ") == b""


async def test_half_a_body_is_answered_with_408_and_the_connection_closed(hasty: Running) -> None:
    answer = await hasty.raw(request(BATCH[:10], f"Content-Length: {len(BATCH)}"))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in answer
    assert b"body_too_slow" in answer
    assert await hasty.stored() == 0


async def test_a_body_that_ends_early_leaves_nothing_behind(service: Running) -> None:
    async with service.connection() as (reader, writer):
        writer.write(request(BATCH[:-3], f"Content-Length: {len(BATCH)}"))
        writer.write_eof()
        await reader.read()
    assert await service.stored() == 0
    assert service.services.bodies.in_flight == 0


async def test_pipelined_requests_are_answered_in_order(service: Running) -> None:
    answer = await service.raw(
        request(method="GET", path="/health/live")
        + sized(BATCH)
        + request(b"", "Connection: close", method="GET", path=f"{API}/tasks/t1")
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"202", b"200"]


async def test_an_answer_before_the_body_was_read_closes_the_connection_and_arrives(service: Running) -> None:
    big = b"x" * (20 * 1024 * 1024)
    for head in (
        request(b"", f"Content-Length: {len(big)}"),
        request(b"", f"Content-Length: {len(big)}", "Content-Encoding: br"),
        request(b"", f"Content-Length: {len(big)}", path="/nowhere"),
        request(b"", f"Content-Length: {len(big)}", method="PUT"),
    ):
        async with service.connection() as (reader, writer):
            writer.write(head + big)
            answer = await reader.readuntil(b"}")
        assert answer.startswith(b"HTTP/1.1 4")
        assert b"Connection: close" in answer
    assert (await service.get("/health/live"))[0] == 200


async def test_a_body_beyond_the_limit_is_413_however_it_is_framed(service: Running) -> None:
    huge = await service.raw(request(b"", "Content-Length: 99999999999"))
    assert huge.startswith(b"HTTP/1.1 413 ")
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    async with service.connection() as (reader, writer):
        writer.write(request(b"", "Transfer-Encoding: chunked"))
        answered = asyncio.create_task(reader.readuntil(b"}"))
        while not answered.done():  # without an end, as far as the server can know
            writer.write(chunk)
            await asyncio.sleep(0)
        assert (await answered).startswith(b"HTTP/1.1 413 ")
    assert await service.stored() == 0


async def test_a_gzip_bomb_is_413_before_it_is_inflated() -> None:
    """There is far less room for bodies than a hundred times the bomb."""
    async with running(bodies=Bodies(capacity=1_200_000)) as service:
        for byte, kind in ((b" ", "application/json"), (b"\n", "application/x-ndjson")):
            bomb = gzip.compress(byte * (30 * 1024 * 1024), 9)
            status, problem, _ = await service.send(TASKS, bomb, kind, **{"Content-Encoding": "gzip"})
            assert (status, problem["code"]) == (413, "payload_too_large")
        assert service.services.bodies.in_flight == 0


@pytest.mark.parametrize(
    "packed",
    [
        b"no gzip",
        gzip.compress(BATCH)[:-4],
        gzip.compress(BATCH) + gzip.compress(BATCH),
        gzip.compress(BATCH) + b"x",
        zlib.compress(BATCH),
        gzip.compress(gzip.compress(BATCH)),
        b"",
    ],
    ids=["none", "truncated", "two members", "garbage behind", "zlib", "twice", "empty"],
)
async def test_broken_gzip_is_400(service: Running, packed: bytes) -> None:
    status, problem, _ = await service.send(TASKS, packed, **{"Content-Encoding": "gzip"})
    assert (status, problem["code"]) == (400, "malformed_body")
    assert await service.stored() == 0


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        request(BATCH, "Content-Length: 3", "Content-Length: 5"),
        request(BATCH, "Content-Length: -1"),
        request(b"zz\r\n", "Transfer-Encoding: chunked"),
        request(BATCH, f"Content-Length: {len(BATCH)}", "Transfer-Encoding: chunked"),
        request(b"", "X-Long: " + "a" * 10_000),
        request(b"", *[f"X-{i}: 1" for i in range(200)]),
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=[
        "nonsense",
        "two lengths",
        "negative",
        "bad chunk",
        "length and chunks",
        "long header",
        "headers",
        "long line",
    ],
)
async def test_broken_http_is_400_and_closed(service: Running, data: bytes) -> None:
    answer = await service.raw(data)
    assert answer.split()[1] == b"400"
    assert b"application/problem+json" in answer
    assert b"aiohttp" not in answer
    assert await service.stored() == 0


async def test_what_nobody_can_expect_is_400_like_any_other_wrong_header(service: Running) -> None:
    status, problem, _ = await service.get("/", headers={"Expect": "200-something"})
    assert (status, problem["code"], service.observed.of(RequestServed)[0].error) == (400, *["invalid_parameter"] * 2)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/nowhere", f"{API}/tasks", "/api/v1/logs/export"])
async def test_every_answer_says_what_nobody_shall_make_of_it(service: Running, path: str) -> None:
    _, _, response = await service.get(path)
    said = {name: response.headers.getall(name, []) for name in ("X-Content-Type-Options", "X-Frame-Options", "Server")}
    assert said == {"X-Content-Type-Options": ["nosniff"], "X-Frame-Options": ["DENY"], "Server": [""]}
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert not [name for name in response.headers if name.startswith("Access-Control-")]
    assert "Strict-Transport-Security" not in response.headers
    broken = await service.raw(b"nonsense\r\n\r\n")
    assert b"X-Content-Type-Options: nosniff" in broken


async def test_all_bodies_together_are_bounded() -> None:
    async with running(bodies=Bodies(capacity=100_000)) as service:
        status, problem, response = await service.send(TASKS, b" " * 200_000)
        assert (status, problem["code"], response.headers["Retry-After"]) == (503, "buffer_full", "1")
        assert service.services.bodies.in_flight == 0
        assert (await service.send(TASKS, BATCH))[0] == 202


async def test_a_restore_that_breaks_in_the_middle_is_cut_not_completed(service: Running) -> None:
    await service.post(f"{API}/sessions/batch", {"sessions": [session()]})
    await service.post(TASKS, {"tasks": [task(f"t{i}") for i in range(3000)]})
    await service.stored()
    scan = service.backend.scan

    async def breaking(*args: object) -> AsyncIterator[object]:
        portions = scan(*args)
        yield await anext(portions)
        raise ZeroDivisionError

    service.backend.scan = breaking  # type: ignore[method-assign]
    data = request(b"", "Content-Length: 0", path=f"{API}/recovery/restore/s1")
    answer = b""
    async with service.connection() as (reader, writer):
        writer.write(data)
        with contextlib.suppress(ConnectionResetError):
            while part := await reader.read(65536):
                answer += part
    assert b'"tasks":[{' in answer
    assert not answer.endswith(b"0\r\n\r\n")


async def test_a_port_in_use_is_a_sentence(service: Running) -> None:
    second = HttpServer(partial(create_app, service.services), port=service.server.port)
    with pytest.raises(AddressInUse, match=f"Port {service.server.port}"):
        await second.open()
    with pytest.raises(InvalidConfiguration, match=r"192\.0\.2\.1"):
        await HttpServer(partial(create_app, service.services), host="192.0.2.1", port=0).open()


async def test_beyond_the_bound_of_connections_the_longest_idle_one_is_closed() -> None:
    alive = request(method="GET", path="/health/live")
    async with running(max_connections=16) as service, contextlib.AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(service.connection()) for _ in range(16)]
        (heard, speaking), (silent, _), *_ = idle
        speaking.write(alive)
        assert (await heard.readuntil(b"}\n")).startswith(b"HTTP/1.1 200 ")
        assert (await service.get("/health/live"))[0] == 200
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                assert await silent.read() == b""
        speaking.write(alive)
        assert (await heard.readuntil(b"}\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_request_that_is_being_answered_keeps_its_connection() -> None:
    async with running(max_connections=16) as service, contextlib.AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(service.connection()) for _ in range(16)]
        for _, writer in busy:
            writer.write(request(BATCH[:10], f"Content-Length: {len(BATCH)}"))
        await asyncio.sleep(0.2)  # all are waited for, in the middle of their bodies
        with contextlib.suppress(ConnectionError):
            assert await service.raw(request(method="GET", path="/health/live")) == b""
        for reader, writer in busy:
            writer.write(BATCH[10:])
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 202 ")


async def test_closing_finishes_the_request_on_its_way() -> None:
    async with running() as service:
        gate = asyncio.Event()
        accept = service.services.buffer.accept

        async def slow(*args: object, **options: object) -> object:
            await gate.wait()
            return await accept(*args, **options)  # type: ignore[arg-type]

        service.services.buffer.accept = slow  # type: ignore[method-assign,assignment]
        asking = asyncio.create_task(service.send(TASKS, BATCH))
        await asyncio.sleep(0.05)
        port = service.server.port
        closing = asyncio.create_task(service.server.close())
        await asyncio.sleep(0.05)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
        gate.set()
        assert (await asking)[0] == 202
        await closing


async def test_bytes_that_are_no_text_in_a_header_are_named_without_harm(service: Running) -> None:
    head = (
        b"POST " + TASKS.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: te\xffxt\r\nConnection: close\r\n"
    )
    answer = await service.raw(head + b"Content-Length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"te?xt" in answer


FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncontent\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("line", "kind", "body"),
    [
        ("PUT /api/v1/storage/files/f1", "text/plain", b"content"),
        ("POST /api/v1/storage/files", "multipart/form-data; boundary=x", FORM),
        ("POST /api/v1/logs/batch", "application/x-ndjson", b'{"level": "info", "message": "m"}\n'),
    ],
    ids=["content", "form", "stream"],
)
async def test_every_reader_of_a_body_says_the_word_to_who_waits_for_it(
    service: Running, line: str, kind: str, body: bytes
) -> None:
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nExpect: 100-continue\r\n"
    async with service.connection() as (reader, writer), asyncio.timeout(10):
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        answer = await reader.read()
        assert (answer.split()[1][:2], answer.count(b"HTTP/1.1")) == (b"20", 1), answer


@pytest.mark.parametrize("sent", ["x" * 129, "a b", "ok\xe9", 'ok"', "r\t1"])
async def test_an_id_of_a_request_that_is_none_is_not_repeated(sent: str) -> None:
    async with running() as service:
        _, _, response = await service.get("/nowhere", headers={"X-Request-Id": sent})
        assert response.headers["X-Request-Id"] != sent

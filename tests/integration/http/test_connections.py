"""The bound on connections holds from their accept on, whatever they are amid; held against real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from entrypoints.http.server import HEAD_BYTES, _Connection
from entrypoints.http.tls import Certificate
from tests.integration.http.running import Observed, Running, running
from tests.integration.http.test_tls import Place, shaken

BOUND = 16
LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@asynccontextmanager
async def bounded(place: Place | None) -> AsyncIterator[Running]:
    certificate = Certificate(place.files, Observed()) if place else None
    async with running(certificate=certificate, max_connections=BOUND) as service:
        yield service


def held(port: int) -> int:
    """Connections that this process holds at the listener's end."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # a listener has no peer, and what was listed may be closed
            if descriptor.readlink().name.startswith("socket:"):
                with socket.socket(fileno=os.dup(int(descriptor.name))) as each:
                    found += (
                        each.family != socket.AF_UNIX and each.getsockname()[1] == port and bool(each.getpeername())
                    )
    return found


@asynccontextmanager
async def watched(port: int) -> AsyncIterator[list[int]]:
    """How many are held, looked at in each turn of the loop."""
    counts: list[int] = []

    async def watch() -> None:
        while True:
            counts.append(held(port))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    try:
        yield counts
    finally:
        watching.cancel()


def half_a_hello() -> bytes:
    """The beginning of what a client says first."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()[:100]


@pytest.mark.parametrize("said", [b"", half_a_hello()], ids=["nothing", "half a hello"])
async def test_who_never_ends_a_handshake_takes_no_place_from_others(place: Place, said: bytes) -> None:
    async with bounded(place) as service, contextlib.AsyncExitStack() as stack, watched(service.server.port) as counts:
        address = f"https://localhost:{service.server.port}/health/live"
        friend = await stack.enter_async_context(aiohttp.ClientSession())
        async with friend.get(address, ssl=place.friend()) as answer:
            before = answer.connection and answer.connection.transport
        for _ in range(200):
            _, writer = await stack.enter_async_context(service.connection())
            writer.write(said)
        assert (await shaken(service, place.friend())).version() == "TLSv1.3"
        async with friend.get(address, ssl=place.friend()) as answer:
            assert before is (answer.connection and answer.connection.transport), "a handshake ended who was idle"
    assert max(counts) == BOUND


async def test_an_idle_encrypted_connection_is_no_quarter_of_a_mebibyte(place: Place) -> None:
    async with bounded(place) as service, contextlib.AsyncExitStack() as stack:
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        for _ in range(BOUND):
            await stack.enter_async_context(service.connection())
        async with asyncio.timeout(10):
            while held(service.server.port) < BOUND:  # noqa: ASYNC110  # an accept wakes nobody
                await asyncio.sleep(0.01)
        held_bytes, _ = tracemalloc.get_traced_memory()
        assert held_bytes < BOUND * 128 * 1024


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_crowd_at_once_never_holds_more_than_the_bound(place: Place, encrypted: bool) -> None:
    async with bounded(place if encrypted else None) as service, watched(service.server.port) as counts:
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                client = stack.enter_context(socket.socket())
                client.connect(("127.0.0.1", service.server.port))
            if encrypted:
                assert (await shaken(service, place.friend())).version() == "TLSv1.3"
            else:
                assert b" 200 " in await heard(service)
        async with asyncio.timeout(10):
            while held(service.server.port):  # noqa: ASYNC110  # a closed socket wakes nobody
                await asyncio.sleep(0.01)
        assert max(counts) == BOUND


@pytest.mark.parametrize("encrypted", [False, True])
async def test_of_a_crowd_those_who_came_last_stay(place: Place, encrypted: bool) -> None:
    async with bounded(place if encrypted else None) as service:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.socket()) for _ in range(40)]
            for client in clients:
                client.connect(("127.0.0.1", service.server.port))
                client.setblocking(False)
            async with asyncio.timeout(10):
                while sum(map(is_open, clients)) > BOUND:  # noqa: ASYNC110  # sockets without a loop wake nobody
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert [is_open(client) for client in clients] == [False] * 24 + [True] * BOUND


def silent(port: int, trust: ssl.SSLContext) -> ssl.SSLSocket:
    """A client that ends its handshake and says nothing more, not even that it has heard of its end."""
    return trust.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="localhost")


@pytest.mark.parametrize("apart", [0, 0.001], ids=["at once", "one after another"])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_whoever_comes_and_asks_is_served_where_all_places_are_taken_by_the_idle(
    place: Place, encrypted: bool, apart: float
) -> None:
    trust = place.friend() if encrypted else None
    async with bounded(place if encrypted else None) as service, contextlib.AsyncExitStack() as stack:
        for _ in range(BOUND):
            await stack.enter_async_context(service.connection(trust))
        asking = []
        for _ in range(40):
            asking.append(asyncio.create_task(heard(service, trust)))
            await asyncio.sleep(apart)
        assert [b" 200 " in answer for answer in await asyncio.gather(*asking)] == [True] * 40


async def test_a_handshake_that_is_ended_as_it_completes_leaves_its_socket_to_nobody(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[object] = []
    made = _Connection.connection_made

    def made_too_late(connection: _Connection, transport: asyncio.BaseTransport) -> None:
        """The listener has its turn between the end of the handshake and the word of it."""
        if not ended:
            ended.append(connection)
            assert connection.arrival is not None
            connection.arrival.cancel()
        made(connection, transport)

    monkeypatch.setattr(_Connection, "connection_made", made_too_late)
    async with bounded(place) as service, contextlib.AsyncExitStack() as stack:
        await asyncio.to_thread(lambda: stack.enter_context(silent(service.server.port, place.friend())))
        assert ended
        for _ in range(5):
            reader, writer = await stack.enter_async_context(service.connection(place.friend()))
            writer.write(LIVE)
            async with asyncio.timeout(10):
                assert b" 200 " in await reader.readuntil(b"}\n")


def is_open(client: socket.socket) -> bool:
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


async def heard(service: Running, trust: ssl.SSLContext | None = None) -> bytes:
    async with asyncio.timeout(10), service.connection(trust) as (reader, writer):
        writer.write(LIVE)
        return await reader.readuntil(b"}\n")


async def test_a_close_ends_handshakes_and_lets_nobody_in(place: Place) -> None:
    async with bounded(place) as service, contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(service.connection()) for _ in range(5)]
        await asyncio.sleep(0.1)
        port = service.server.port
        assert held(port) == 5
        await service.server.close()
        assert held(port) == 0
        for reader, _ in silent:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


@contextlib.contextmanager
def no_file_left() -> Iterator[None]:
    """Below the limit every file is taken, whatever others close meanwhile: only standard input's is there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_head_that_never_ends_is_not_kept() -> None:
    line = b"X-%d: " + b"a" * 8000 + b"\r\n"
    async with bounded(None) as service, service.connection() as (reader, writer), asyncio.timeout(10):
        writer.write(LIVE.removesuffix(b"\r\n") + b"".join(line % number for number in range(5)))
        writer.write(b"\r\n")
        assert b" 200 " in await reader.readuntil(b"}\n")
        writer.write(LIVE.removesuffix(b"\r\n"))
        with pytest.raises(ConnectionError):
            await written(writer, [line % number for number in range(120)])
        assert 5 * len(line) < HEAD_BYTES < 9 * len(line)


async def written(writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.001)


class Lines(logging.Handler):
    """What a logger says, wherever else that goes."""

    def __init__(self, logger: str) -> None:
        super().__init__()
        self.levels: list[str] = []
        self._logger = logging.getLogger(logger)

    def __enter__(self) -> Lines:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.levels.append(record.levelname)


async def test_without_a_file_left_the_listener_waits_and_goes_on() -> None:
    async with bounded(None) as service, contextlib.AsyncExitStack() as stack:
        lines = stack.enter_context(Lines("persistence.listener"))
        clients = [stack.enter_context(socket.socket()) for _ in range(20)]
        with no_file_left():
            for client in clients:
                client.connect(("127.0.0.1", service.server.port))
                await asyncio.sleep(0.03)
        assert b" 200 " in await heard(service)
        assert lines.levels == ["ERROR"]


async def test_a_name_and_an_address_of_ipv6_are_listened_on(place: Place) -> None:
    async with running(host="localhost", certificate=Certificate(place.files, Observed())) as service:
        status, _, _ = await service.get("/health/live", ssl=place.friend())
        assert status == 200
    async with running(host="::1") as service:
        assert service.server.url.startswith("http://[::1]:")
        assert (await service.get("/health/live"))[0] == 200

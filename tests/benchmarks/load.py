"""A load generator that does as little as possible: prepared bytes out, the answer's end recognised, the time kept."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence

import msgspec


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the generator saw."""

    seconds: float
    latencies: list[float]  # seconds, sorted
    acknowledged: list[int]  # the bodies that were answered with 2xx, by their place in the order they were given
    refused: int  # answers other than 2xx

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that ``share`` of the requests did not exceed."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1e3

    @property
    def per_second(self) -> float:
        """Acknowledged requests per second."""
        return len(self.acknowledged) / self.seconds


class _Tally:
    """What is left to send, and what the connections have seen so far."""

    def __init__(self, requests: Sequence[bytes], watch: Callable[[int], None] | None) -> None:
        self.waiting = iter(enumerate(requests))
        self.latencies: list[float] = []
        self.acknowledged: list[int] = []
        self.refused = 0
        self._watch = watch

    def answered(self, number: int, head: bytes, seconds: float) -> None:
        self.latencies.append(seconds)
        if not head.startswith(b"HTTP/1.1 2"):
            self.refused += 1
            return
        self.acknowledged.append(number)
        if self._watch:
            self._watch(len(self.acknowledged))


class _Connection(asyncio.Protocol):
    """Sends one request after another as soon as the answer before is complete."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._received = b""
        self._number = 0
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self) -> None:
        """Send the next request; end where there is none."""
        self._number, request = next(self._tally.waiting, (-1, b""))
        if not request:
            self._transport.close()
            self.done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        at = head.lower().index(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self._tally.answered(self._number, head, time.perf_counter() - self._sent_at)
        self._received = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


def request(port: int, path: str, body: bytes, headers: str = "") -> bytes:
    """The bytes of a POST; ``headers``: more of them, each with its line break."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def run(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    connections: int,
    watch: Callable[[int], None] | None = None,
    *,
    headers: str = "",
    tls: ssl.SSLContext | None = None,
) -> Load:
    """Send every body once over so many connections, as fast as the answers come.

    ``watch`` is told how many bodies are acknowledged so far, and may end the server: what was acknowledged until then
    is the result. Without it a connection that the server closes raises ConnectionError.
    """
    tally = _Tally([request(port, path, body, headers) for body in bodies], watch)
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(tally), "localhost" if tls else "127.0.0.1", port, ssl=tls)
        for _ in range(connections)
    ]
    for _, protocol in made:  # not before all are made: ``watch`` may end the server at any answer
        protocol.send()
    await asyncio.gather(*(protocol.done for _, protocol in made), return_exceptions=watch is not None)
    return Load(
        seconds=time.perf_counter() - begun,
        latencies=sorted(tally.latencies),
        acknowledged=tally.acknowledged,
        refused=tally.refused,
    )

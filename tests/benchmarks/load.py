"""A load generator that does as little as possible: prepared bytes out, the answer's end recognised, the time kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the generator saw."""

    seconds: float
    latencies: list[float]  # seconds, sorted
    refused: int  # answers other than 2xx

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that ``share`` of the requests did not exceed."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1e3

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return (len(self.latencies) - self.refused) / self.seconds


class _Connection(asyncio.Protocol):
    """Sends one request after another as soon as the answer before is complete."""

    def __init__(self, requests: list[bytes], latencies: list[float], refusals: list[bytes]) -> None:
        self._requests = requests
        self._latencies = latencies
        self._refusals = refusals
        self._received = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if not self._requests:
            self._transport.close()
            self.done.set_result(None)
            return
        request = self._requests.pop()
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
        self._latencies.append(time.perf_counter() - self._sent_at)
        if not head.startswith(b"HTTP/1.1 2"):
            self._refusals.append(head[:60])
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


def request(port: int, path: str, body: bytes) -> bytes:
    """The bytes of a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def run(port: int, path: str, bodies: Sequence[bytes], connections: int) -> Load:
    """Send every body once over so many connections, as fast as the answers come."""
    requests = [request(port, path, body) for body in bodies]
    latencies: list[float] = []
    refusals: list[bytes] = []
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(requests, latencies, refusals), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    seconds = time.perf_counter() - begun
    return Load(seconds=seconds, latencies=sorted(latencies), refused=len(refusals))

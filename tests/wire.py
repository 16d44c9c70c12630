"""A wire to a server that can be slow, blocked, or cut in the middle of what it carries."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Self

SENT, RECEIVED = "sent", "received"


class Wire:
    """Carries connections to one server; from a cut on, each dies once so many bytes went one way."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """``tls``: what this end asks for; the server hears clear text."""
        self._there = host, port
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._limits: dict[str, int] = {}
        self._carried: set[_Connection] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._delay: Callable[[], float] | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._carried):
            connection.die()
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        """Where this end listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self, **limits: int) -> None:
        """``sent=n`` or ``received=n``: what still passes on each connection, from now on."""
        self._limits = limits
        for connection in list(self._carried):
            connection.limits = dict(limits)

    def slow(self, delay: Callable[[], float]) -> None:
        """``delay``: the seconds that the next bytes need, asked for each piece of each way, from now on."""
        self._delay = delay

    def block(self) -> None:
        """Carry nothing more, and tell nobody: packets vanish, and are sent again when it is mended."""
        self._open.clear()

    def mend(self) -> None:
        """Carry everything again. What died stays dead."""
        self._delay = None
        self._open.set()
        self.cut()

    async def passage(self) -> None:
        """Return when bytes that have come to this end may leave it at the other."""
        if self._delay is not None:
            await asyncio.sleep(self._delay())
        await self._open.wait()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, writer, dict(self._limits))
        self._carried.add(connection)
        try:
            await self.passage()
            far_reader, far_writer = await asyncio.open_connection(*self._there)
            connection.ends.append(far_writer)
            await asyncio.gather(
                connection.pump(SENT, reader, far_writer), connection.pump(RECEIVED, far_reader, writer)
            )
        except OSError:
            pass
        finally:
            connection.die()
            self._carried.discard(connection)


class _Connection:
    def __init__(self, wire: Wire, end: asyncio.StreamWriter, limits: dict[str, int]) -> None:
        self.ends = [end]
        self._wire = wire
        self.limits = limits

    async def pump(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._wire.passage()
            if way in self.limits:
                data, self.limits[way] = data[: self.limits[way]], self.limits[way] - len(data)
            if data:
                writer.write(data)
                await writer.drain()
            if self.limits.get(way, 0) < 0:
                if way == RECEIVED:
                    await asyncio.sleep(0.01)  # the server is through with what it answered
                self.die()
                return
        self.die()

    def die(self) -> None:
        """Reset both ends."""
        for end in self.ends:
            with contextlib.suppress(RuntimeError):
                end.transport.abort()

"""What may stand at the other end of the wire in place of a well-behaved server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    """A peer that treats each connection to the yielded port with ``talk``."""
    talks: set[asyncio.Task] = set()

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(treat, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def leaving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" * 200)
    await writer.drain()
    await reader.read()


class Relay:
    """Stands between a client and a server."""

    def __init__(self, host: str, port: int) -> None:
        self.seen = b""  # all that came from clients
        self.hidden = 0  # capabilities, of the lower sixteen, that the greeting is robbed of
        self.bait = b""  # a command that holds it does not reach the server
        self.answer: bytes | None = b""  # what it is answered with; None: nothing, and the client is left waiting
        self.altered = (b"", b"")  # what the server says, and what is said in place of it
        self._far = (host, port)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._far)
        greeting = bytearray(await packet(far_reader))
        place = greeting.index(0, 5) + 1 + 4 + 9  # behind header, version, thread, salt
        shown = int.from_bytes(greeting[place : place + 2], "little") & ~self.hidden
        greeting[place : place + 2] = shown.to_bytes(2, "little")
        writer.write(greeting)
        back = asyncio.create_task(self._back(far_reader, writer))
        try:
            await self._forth(reader, writer, far_writer)
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            far_writer.transport.abort()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            writer.write(part.replace(*self.altered) if self.altered[0] else part)

    async def _forth(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, far_writer: asyncio.StreamWriter
    ) -> None:
        while True:
            command = await packet(reader)
            self.seen += command
            if not self.bait or self.bait not in command:
                far_writer.write(command)
            elif self.answer is not None:
                writer.write(len(self.answer).to_bytes(3, "little") + b"\1" + self.answer)


async def packet(reader: asyncio.StreamReader) -> bytes:
    """The next packet with its header."""
    header = await reader.readexactly(4)
    return header + await reader.readexactly(int.from_bytes(header[:3], "little"))

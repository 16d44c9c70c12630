"""Messages over one end of a socket pair: a head that says what it is, and bytes that travel as they are."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import Generic, TypeVar

import msgspec

VERSION = 1  # of everything that is said over a channel
MOST_BYTES = 64 * 1024 * 1024  # of a head, and of what follows it; no frame of the log is larger
_MAGIC = b"PW"
_PREFIX = Struct("<2sBxII")  # magic, version, bytes of the head, bytes that follow it
_LARGE = 64 * 1024  # bytes from which on a part is sent by itself, uncopied

Incoming = TypeVar("Incoming")


class ChannelClosed(Exception):
    """The other end is gone, or is not listened to any more because of what the text says."""


class Channel(Generic[Incoming]):
    """One process's end. Messages arrive whole, in the order in which they were posted."""

    def __init__(self, end: socket.socket, incoming: msgspec.msgpack.Decoder[Incoming]) -> None:
        end.setblocking(False)
        self._end = end
        self._decoder = incoming
        self._encoder = msgspec.msgpack.Encoder()
        self._queue: deque[bytes] = deque()
        self._writing: asyncio.Task[None] | None = None

    def post(self, message: msgspec.Struct, parts: Sequence[bytes] = ()) -> None:
        """Send a message with the bytes that follow it, behind those posted before; never blocks.

        What is posted to an end that is gone is dropped: ``receive`` tells. Raises ValueError beyond ``MOST_BYTES``.
        """
        head, size = self._encoder.encode(message), sum(map(len, parts))
        if max(len(head), size) > MOST_BYTES:
            raise ValueError(f"A message of {len(head)} and {size} bytes is more than a channel carries.")
        prefix = _PREFIX.pack(_MAGIC, VERSION, len(head), size)
        self._queue.extend(_gathered((prefix, head, *parts)))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def sent(self) -> None:
        """Return when everything posted so far has left this process."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def receive(self) -> tuple[Incoming, bytearray]:
        """The next message, and the bytes that followed it. Raises ChannelClosed."""
        magic, version, *sizes = _PREFIX.unpack(await self._exactly(_PREFIX.size))
        if magic != _MAGIC:
            raise ChannelClosed("it sent what is no message")
        if version != VERSION:
            raise ChannelClosed(
                f"it speaks version {version} and not {VERSION}: another release was installed; restart the service"
            )
        if max(sizes) > MOST_BYTES:
            raise ChannelClosed(f"it announced a message of {' and '.join(map(str, sizes))} bytes")
        head, body = [await self._exactly(size) for size in sizes]
        try:
            return self._decoder.decode(head), body
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
            raise ChannelClosed(f"it sent a message that means nothing here: {error}") from error

    def hang_up(self) -> None:
        """End the conversation: nothing is sent or received any more, at either end."""
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Hang up, and release the socket."""
        self.hang_up()
        if self._writing is not None:
            await asyncio.wait((self._writing,))
        self._end.close()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                await loop.sock_sendall(self._end, self._queue[0])
                self._queue.popleft()
        except OSError:  # the other end is gone
            self._queue.clear()
        finally:
            self._writing = None

    async def _exactly(self, size: int) -> bytearray:
        loop, content = asyncio.get_running_loop(), bytearray(size)
        rest = memoryview(content)
        while rest:
            try:
                count = await loop.sock_recv_into(self._end, rest)
            except OSError as error:
                raise ChannelClosed from error
            if not count:
                raise ChannelClosed
            rest = rest[count:]
        return content


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Small parts joined, so that they cost one call of the system; large ones as they are."""
    small = bytearray()
    for part in parts:
        if len(part) >= _LARGE:
            if small:
                yield bytes(small)
                small.clear()
            yield part
        else:
            small += part
            if len(small) >= _LARGE:
                yield bytes(small)
                small.clear()
    if small:
        yield bytes(small)

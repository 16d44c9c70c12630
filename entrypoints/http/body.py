"""Reads request bodies: bounded in bytes, in time and in all that is held at once."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from typing import Protocol

from aiohttp import web

from domain.errors import (
    BodyTooSlow,
    BufferFull,
    MalformedBody,
    PayloadTooLarge,
    SlowDown,
    UnsupportedMediaType,
)
from domain.model.policies import MAX_BATCH_BYTES
from entrypoints.http.expectation import go_on

MAX_BODY_BYTES = MAX_BATCH_BYTES + 1024  # a full batch and its envelope
MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024  # bodies in memory, of all requests together
BODY_SECONDS = 30.0
GRACE_SECONDS = 5.0  # before the minimum rate counts
MINIMUM_RATE = 1024  # bytes a second

_GZIP = 31  # zlib's number for the gzip format
_PIECE = 64 * 1024
_MAX_RATIO = 100
_RATIO_COUNTS_ABOVE = 1024 * 1024  # small bodies may be as repetitive as they like


class Holder(Protocol):
    """Who holds body bytes until the request is answered."""

    request: web.Request
    held: int

    @property
    def sender(self) -> str:
        """Who counts as one client; empty where nobody has to say who they are."""
        ...


class Bodies:
    """The door's account of the body bytes that all requests hold together."""

    def __init__(
        self, *, seconds: float = BODY_SECONDS, capacity: int = MAX_IN_FLIGHT_BYTES, share: int = MAX_IN_FLIGHT_BYTES
    ) -> None:
        """``seconds``: for a whole body, or for each frame of a stream; ``capacity``: bytes held at once, of which
        ``share`` may be one caller's.
        """
        self.seconds = seconds
        self.in_flight = 0
        self._capacity = capacity
        self._share = share
        self._held: Counter[str] = Counter()  # by caller

    def hold(self, call: Holder, size: int) -> None:
        """Count bytes that a request keeps in memory. Raises BufferFull, SlowDown."""
        if self.in_flight + size > self._capacity:
            raise BufferFull(f"Request bodies fill the {self._capacity} bytes set aside for them.", retry_after=1.0)
        if (sender := call.sender) and self._held[sender] + size > self._share:
            raise SlowDown(f"{self._share} bytes of one caller are on their way; more are not.", retry_after=1.0)
        self._held[sender] += size
        call.held += size
        self.in_flight += size

    def release(self, call: Holder) -> None:
        """Forget what a request held, when it is answered or a part of it is done with."""
        if not call.held:
            return
        self.in_flight -= call.held
        self._held[call.sender] -= call.held
        if not self._held[call.sender]:
            del self._held[call.sender]
        call.held = 0


async def read_body(call: Holder, bodies: Bodies) -> bytes:
    """A whole body, decoded.

    Raises PayloadTooLarge, UnsupportedMediaType, MalformedBody, BodyTooSlow, BufferFull.
    """
    length = call.request.content_length
    if length is not None and length > MAX_BODY_BYTES:
        raise too_large(length)
    reader = BodyReader(call, bodies)
    parts: list[bytes] = []
    size = 0
    while part := await reader.part():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise too_large(None)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class BodyReader:
    """Gives a body in parts as it arrives, decoded, with a deadline and a minimum rate."""

    def __init__(self, call: Holder, bodies: Bodies) -> None:
        """Raises UnsupportedMediaType."""
        self._call = call
        self._bodies = bodies
        self._content = call.request.content
        self._inflate = _inflater(call.request)
        self._loop = asyncio.get_running_loop()
        self.restart_clock()

    def restart_clock(self) -> None:
        """Begin the deadline anew: a stream has one for each of its frames."""
        self._begun = self._loop.time()
        self._received = 0

    async def part(self) -> bytes:
        """The next part, held on behalf of the request; empty at the end."""
        part = await self._arrival() if self._inflate is None else await self._inflated(self._inflate)
        self._bodies.hold(self._call, len(part))
        return part

    async def _inflated(self, inflate: _Inflater) -> bytes:
        while True:
            await asyncio.sleep(0)  # a little that came may be much that follows: let others in between
            if piece := inflate.piece():
                return piece
            chunk = await self._arrival()
            if not chunk:
                inflate.finish()
                return b""
            inflate.feed(chunk)

    async def _arrival(self) -> bytes:
        content = self._content
        try:
            if content.is_eof():  # all is here: no timer is needed
                return content.read_nowait(-1)
            await go_on(self._call.request)
            seconds = self._bodies.seconds
            allowed = min(seconds, GRACE_SECONDS + self._received / MINIMUM_RATE)
            async with asyncio.timeout_at(self._begun + allowed):
                chunk = await content.readany()
        except TimeoutError:
            raise BodyTooSlow(f"A body must arrive within {seconds:g} s, at {MINIMUM_RATE} bytes/s or more.") from None
        except (web.RequestPayloadError, ConnectionError) as error:
            raise MalformedBody("The body ended early, or its transfer coding is broken.") from error
        self._received += len(chunk)
        return chunk


def too_large(size: int | None) -> PayloadTooLarge:
    """The sentence for a body beyond the limit."""
    has = f"has {size} bytes" if size is not None else "is larger"
    return PayloadTooLarge(f"A JSON body may have {MAX_BODY_BYTES} bytes; this one {has}.")


class _Inflater:
    """Decodes gzip piece by piece, and gives up on a bomb before it is decoded.

    What has come out is compared with what went in for it: what else has arrived of a bomb vouches for nothing.
    """

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP)
        self._waiting = b""
        self._taken = 0
        self._given = 0

    def feed(self, chunk: bytes) -> None:
        """Take more coded bytes; only after ``piece`` gave nothing."""
        self._waiting = chunk
        self._taken += len(chunk)

    def piece(self) -> bytes:
        """Some decoded bytes; empty when more coded ones are needed."""
        if self._stream.eof:
            return b""
        try:
            piece = self._stream.decompress(self._waiting, _PIECE)
        except zlib.error:
            raise MalformedBody("The body is not gzip, although `Content-Encoding` says so.") from None
        self._waiting = self._stream.unconsumed_tail or self._stream.unused_data
        self._given += len(piece)
        if self._given > max(_RATIO_COUNTS_ABOVE, (self._taken - len(self._waiting)) * _MAX_RATIO):
            raise PayloadTooLarge(f"The gzip data grows more than {_MAX_RATIO} times; send it less compressed.")
        return piece

    def finish(self) -> None:
        """Judge the end of the coded bytes. Raises MalformedBody."""
        if not self._stream.eof:
            raise MalformedBody("The gzip data ends early.")
        if self._waiting:
            raise MalformedBody("Something follows the end of the gzip data; send one gzip member.")


def _inflater(request: web.Request) -> _Inflater | None:
    codings = request.headers.getall("Content-Encoding", [])
    if not codings or codings == ["identity"]:
        return None
    if len(codings) == 1 and codings[0].strip().lower() == "gzip":
        return _Inflater()
    raise UnsupportedMediaType("`Content-Encoding` may be `gzip`, once, or absent.")

"""Requests that last: whoever sent one is let go on for as long as they would be let in."""

from __future__ import annotations

import asyncio

from aiohttp import web

from entrypoints.http.body import read_body
from entrypoints.http.call import Call
from entrypoints.http.door import let_go_on

AGAIN_SECONDS = 1.0  # between two questions about one request; with those of the keys below five seconds
WRITE_SECONDS = 30.0  # for a reader to take a slice: who takes nothing for so long is gone
SLICE_BYTES = 256 * 1024  # that a reader may still be given by what was asked before


class Lasting:
    """A request that comes or is answered piece by piece."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._asked_at = self._loop.time()

    async def go_on(self) -> None:
        """Ask the door again, where that is due. Raises Unauthenticated, Unavailable."""
        if self._loop.time() - self._asked_at >= AGAIN_SECONDS:
            await let_go_on(self._call)
            self._asked_at = self._loop.time()


async def body_of(call: Call) -> bytes:
    """A whole body, of whoever is still let in when all of it is here.

    Raises Unauthenticated, Unavailable, and what ``read_body`` raises.
    """
    lasting = Lasting(call)
    body = await read_body(call, call.services.bodies)
    await lasting.go_on()
    return body


class Stream:
    """An answer of any length, sent as it is read."""

    def __init__(self, call: Call, response: web.StreamResponse) -> None:
        self._call = call
        self._response = response
        self._lasting = Lasting(call)

    async def begin(self) -> None:
        """Send the head: what goes wrong from here on cuts the connection. Raises Unauthenticated, Unavailable."""
        await let_go_on(self._call)
        self._call.stream = self._response
        await self._response.prepare(self._call.request)

    async def write(self, data: bytes) -> None:
        """Send some of it.

        Raises TimeoutError where its reader takes nothing, Unauthenticated where they are let in no more, Unavailable.
        """
        rest = memoryview(data)
        while rest:
            await self._lasting.go_on()
            async with asyncio.timeout(WRITE_SECONDS):
                await self._response.write(rest[:SLICE_BYTES])
            rest = rest[SLICE_BYTES:]

    async def end(self) -> None:
        """Say that this was all. Raises TimeoutError where its reader takes not even that."""
        async with asyncio.timeout(WRITE_SECONDS):
            await self._response.write_eof()

"""A client of tus 1.0.0, by the words of the protocol and with nothing of the service's own."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import NoReturn

import aiohttp

UPLOADS = "/api/v1/storage/uploads"
_VERSION = {"Tus-Resumable": "1.0.0"}
_PIECE = _VERSION | {"Content-Type": "application/offset+octet-stream"}
_MIB = 1024 * 1024
_PATIENCE = 120.0


class TusClient:
    """Sends one content to one service, or to another one that shares its store."""

    def __init__(self, session: aiohttp.ClientSession, url: str, content: bytes) -> None:
        self._session = session
        self._url = url
        self.content = content

    async def begin(self, file_id: str) -> str:
        """Announce the content; the upload's place."""
        said = f"file_id {base64.b64encode(file_id.encode()).decode()}"
        headers = _VERSION | {"Upload-Length": str(len(self.content)), "Upload-Metadata": said}
        async with self._session.post(self._url + UPLOADS, headers=headers) as response:
            assert response.status == 201, await response.text()
            return response.headers["Location"]

    async def offset(self, place: str) -> int:
        """How much of it is durable."""
        async with self._session.head(self._url + place, headers=_VERSION) as response:
            assert response.status == 200, response
            return int(response.headers["Upload-Offset"])

    async def send(self, place: str, offset: int) -> int:
        """Send all the rest; the status."""
        return await self._patch(place, offset, self._pieces(offset, len(self.content)))

    async def finish(self, place: str) -> None:
        """Send what is missing, as often as it takes: what a killed process had sent may still arrive at the store."""
        async with asyncio.timeout(_PATIENCE):
            while (offset := await self.offset(place)) < len(self.content):
                await self.send(place, offset)

    async def stall(self, place: str, offset: int, end: int) -> int:
        """Send what is before ``end``, and then nothing more, without closing the connection."""
        return await self._patch(place, offset, self._stalling(offset, end))

    async def _patch(self, place: str, offset: int, pieces: AsyncIterator[bytes]) -> int:
        headers = _PIECE | {"Upload-Offset": str(offset)}
        async with self._session.patch(self._url + place, data=pieces, headers=headers) as response:
            return response.status

    async def _pieces(self, offset: int, end: int) -> AsyncIterator[bytes]:
        for begin in range(offset, end, _MIB):
            yield self.content[begin : min(end, begin + _MIB)]

    async def _stalling(self, offset: int, end: int) -> AsyncIterator[bytes]:
        async for piece in self._pieces(offset, end):
            yield piece
        await _for_ever()


async def _for_ever() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")

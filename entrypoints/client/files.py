"""Files to and from a running service, piece by piece, and whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from entrypoints.client.aside import aside
from entrypoints.client.failures import ServiceUnreachable
from entrypoints.client.http import Answer, Client

PATH = "/api/v1/storage/files"
_PIECE_BYTES = 1024 * 1024


def digest_of(file: Path) -> str:
    """The value of ``Content-Digest`` for a file. Raises OSError."""
    with file.open("rb") as stream:
        return _digest(hashlib.file_digest(stream, "sha256").digest())


async def put(
    client: Client,
    place: str,
    file: Path,
    headers: Mapping[str, str],
    *,
    params: Mapping[str, str],
    sent: Callable[[int], None],
) -> Answer:
    """Send a file to its place; ``sent`` is told the size of each piece. Raises ServiceUnreachable, OSError."""
    with file.open("rb") as stream:
        body = _pieces(stream, sent)
        async with client.response("PUT", place, params=params, body=body, headers=headers) as response:
            return await client.whole(response)


async def get(client: Client, place: str, write: Callable[[bytes], object], received: Callable[[int], None]) -> Answer:
    """Hand a file's content on; where it is refused, the answer says why.

    Raises ServiceUnreachable, also where the content is not what its digest says, and whatever ``write`` raises.
    """
    found = hashlib.sha256()
    async with client.response("GET", place) as response:
        if response.status >= 400:
            return await client.whole(response)
        async for piece in response.content.iter_any():
            found.update(piece)
            write(piece)
            received(len(piece))
        if response.headers.get("Repr-Digest") != _digest(found.digest()):
            raise ServiceUnreachable("the content is not what its digest says; it changed on its way")
        return Answer(url=client.url, status=response.status, body=b"")


async def _pieces(stream: BinaryIO, sent: Callable[[int], None]) -> AsyncIterator[bytes]:
    async for piece in aside(iter(lambda: stream.read(_PIECE_BYTES), b"")):
        yield piece
        sent(len(piece))


def _digest(digest: bytes) -> str:
    return f"sha-256=:{base64.b64encode(digest).decode()}:"

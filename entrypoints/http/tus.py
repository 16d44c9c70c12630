"""The words of the tus protocol for resumable uploads, version 1.0.0 (https://tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec
from aiohttp import web

from domain.errors import ChecksumMismatch, InvalidParameter, ProtocolVersionUnknown, UnsupportedMediaType
from domain.model.uploads import Plan
from entrypoints.http.media import OCTETS

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,checksum,termination"
OFFSET_OCTETS = "application/offset+octet-stream"
ALGORITHMS = ("sha1", "sha256")
_KEY = re.compile(r"[!-+\--~]{1,100}", re.ASCII)  # visible, without a comma
_NAMES, _TYPES = ("filename", "name"), ("filetype", "content_type", "type")  # what clients call them, the first wins
_OWN = ("file_id", *_NAMES, *_TYPES)
_DIGITS = 18


def check_version(request: web.Request) -> None:
    """Raises ProtocolVersionUnknown."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise ProtocolVersionUnknown


def number(request: web.Request, name: str) -> int:
    """A header that is a number of bytes. Raises InvalidParameter."""
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise InvalidParameter(f"`{name}` is a number of bytes, in digits.")
    return int(text)


def plan(request: web.Request, new_id: Callable[[], str]) -> Plan:
    """What an upload will be, from the headers of the request that begins it. Raises InvalidParameter."""
    if "Upload-Defer-Length" in request.headers:
        raise InvalidParameter("`Upload-Length` must be known when an upload is begun.")
    length = number(request, "Upload-Length")
    said = request.headers.get("Upload-Metadata", "")
    words = metadata(said)
    file_id = words.get("file_id") or new_id()
    own = {name: text for name, text in words.items() if name not in _OWN}
    return Plan(
        file_id=file_id,
        name=next((words[name] for name in _NAMES if words.get(name)), file_id),
        content_type=next((words[name] for name in _TYPES if words.get(name)), OCTETS),
        metadata=msgspec.json.encode(own).decode(),
        length=length,
        said=said,
    )


def metadata(text: str) -> Mapping[str, str]:
    """The pairs of ``Upload-Metadata``: a key, and a value in base64 that may be missing. Raises InvalidParameter."""
    found: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        try:
            plain = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):  # a decoder's error is one, too
            plain = None
        if plain is None or key in found or not _KEY.fullmatch(key):
            raise InvalidParameter(
                "`Upload-Metadata` is `key value` pairs with commas between them: keys are visible ASCII and stand "
                "once, values are UTF-8 in base64."
            )
        found[key] = plain
    return found


def checked(request: web.Request, content: AsyncIterator[bytes]) -> tuple[AsyncIterator[bytes], bool]:
    """The content, judged at its end by ``Upload-Checksum`` (ChecksumMismatch), and whether there is such a header.

    Raises InvalidParameter.
    """
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return content, False
    algorithm, _, value = text.partition(" ")
    try:
        expected = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if algorithm not in ALGORITHMS or len(expected) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise InvalidParameter(
            f"`Upload-Checksum` is one of {', '.join(ALGORITHMS)}, a blank, and the digest in base64."
        )
    return _verified(content, algorithm, expected), True


def check_body(request: web.Request) -> None:
    """Raises UnsupportedMediaType where the body is no piece of a content."""
    if request.headers.get("Content-Type") != OFFSET_OCTETS:
        raise UnsupportedMediaType(f"Send `Content-Type: {OFFSET_OCTETS}`.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("A file is kept as it is sent; leave `Content-Encoding` out.")


async def _verified(content: AsyncIterator[bytes], algorithm: str, expected: bytes) -> AsyncIterator[bytes]:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    async for piece in content:
        digest.update(piece)
        yield piece
    if digest.digest() != expected:
        raise ChecksumMismatch

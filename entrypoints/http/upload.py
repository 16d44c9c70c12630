"""Reads a file that is sent: as the whole body, or as a part of a form. Never more than a piece of it is held."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from aiohttp import BodyPartReader, MultipartReader, web
from multidict import MultiMapping

from domain.errors import (
    BodyTooSlow,
    InvalidParameter,
    MalformedBody,
    SlowDown,
    Unavailable,
    UnsupportedMediaType,
)
from domain.model.files import NewFile
from entrypoints.http.expectation import go_on
from entrypoints.http.media import OCTETS

T = TypeVar("T")
FORM = "multipart/form-data"
METADATA_PREFIX = "X-Metadata-"
PARALLEL_UPLOADS = 16
_PIECE_BYTES = 256 * 1024  # that must arrive within the time for a body
_FIELD_BYTES = 128 * 1024  # of one field of a form beside the file
_FIELDS = ("file_id", "name", "metadata")
_CODINGS = ("binary", "8bit", "7bit")  # of a part: none of them changes a byte
_DIGEST = re.compile(r"[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):[ \t]*(?:,|\Z)")
_SHA256_BYTES = 32


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is about to arrive."""

    file: NewFile
    content: AsyncIterator[bytes]
    sha256: bytes | None  # that its sender names


class Uploads:
    """How many files are on their way at once: each of them holds some memory for as long as it takes."""

    def __init__(self, at_once: int = PARALLEL_UPLOADS) -> None:
        """``at_once``: of all callers; one who is known takes half of it, so that no one keeps all others out."""
        self._at_once = at_once
        self._share = (at_once + 1) // 2
        self._running: Counter[str] = Counter()  # by caller

    @contextmanager
    def one(self, caller: str) -> Iterator[None]:
        """Count one more of a caller's; empty: of anybody's. Raises Unavailable, SlowDown."""
        if self._running.total() >= self._at_once:
            raise Unavailable(f"{self._at_once} uploads are on their way; more are not taken at once.", retry_after=1.0)
        if caller and self._running[caller] >= self._share:
            raise SlowDown(f"{self._share} uploads of one caller are on their way; more are not.", retry_after=1.0)
        self._running[caller] += 1
        try:
            yield
        finally:
            self._running[caller] -= 1
            if not self._running[caller]:
                del self._running[caller]


class Patience:
    """How long a sender may keep the service waiting: the time that the store takes is not the sender's."""

    def __init__(self, seconds: float, go_on: Callable[[], Awaitable[None]]) -> None:
        """``seconds``: for each piece of the body; ``go_on``: raises where its sender is let in no more."""
        self._seconds = seconds
        self._go_on = go_on
        self._waited = 0.0
        self._received = 0

    async def arrival(self, awaited: Awaitable[bytes]) -> bytes:
        """Some bytes. Raises BodyTooSlow, MalformedBody, Unauthenticated, Unavailable."""
        arrived = await self.wait_for(awaited)
        await self._go_on()
        self._received += len(arrived)
        if self._received >= _PIECE_BYTES:
            self._waited, self._received = 0.0, 0
        return arrived

    async def wait_for(self, awaited: Awaitable[T]) -> T:
        """What is read of the body. Raises BodyTooSlow, MalformedBody."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._seconds - self._waited)):
                return await awaited
        except TimeoutError:
            raise BodyTooSlow(f"Each {_PIECE_BYTES} bytes of a file must arrive within {self._seconds:g} s.") from None
        except (web.RequestPayloadError, ConnectionError) as error:
            raise MalformedBody("The body ended early, or its transfer coding is broken.") from error
        finally:
            self._waited += time.monotonic() - begun


def raw(request: web.Request, patience: Patience, file_id: str, name: str) -> Upload:
    """The body is the file; its type and what else is known of it stand in headers.

    Raises InvalidParameter, UnsupportedMediaType.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("A file is kept as it is sent; leave `Content-Encoding` out.")
    if "Content-Range" in request.headers:
        raise InvalidParameter("A file is put whole, without `Content-Range`; an upload takes it in pieces.")
    return Upload(
        file=NewFile(
            file_id=file_id,
            name=name,
            content_type=request.headers.get("Content-Type") or OCTETS,
            metadata=msgspec.json.encode(_metadata_in(request)),
        ),
        content=whole_body(request, patience),
        sha256=digest_in(request.headers),
    )


async def of_form(request: web.Request, patience: Patience, new_id: Callable[[], str]) -> Upload:
    """A part of a form is the file; its fields stand before it. ``new_id``: of a file that brings none.

    Raises InvalidParameter, MalformedBody, UnsupportedMediaType, BodyTooSlow, Unauthenticated, Unavailable.
    """
    if "Content-Digest" in request.headers:
        raise InvalidParameter("In a form the `Content-Digest` of the file stands among the headers of its part.")
    with _form_faults():
        parts = await request.multipart()
        await patience.wait_for(go_on(request))
        fields: dict[str, str] = {}
        async for part in _parts(parts, patience):
            if part.name == "file":
                return _upload(part, parts, patience, fields, new_id)
            await _take_field(part, patience, fields)
    raise MalformedBody("The form has no part `file`.")


def digest_in(headers: MultiMapping[str]) -> bytes | None:
    """The SHA-256 that ``Content-Digest`` (RFC 9530) names once; None without the header.

    Raises InvalidParameter: a digest that is passed over is no protection.
    """
    lines = headers.getall("Content-Digest", [])
    if not lines:
        return None
    digests, place, text = dict[str, str](), 0, ",".join(lines)
    while (match := _DIGEST.match(text, place)) and match[1] not in digests:
        digests[match[1]], place = match[2], match.end()
    try:
        found = base64.b64decode(digests["sha-256"], validate=True) if place == len(text) else b""
    except (KeyError, binascii.Error):
        found = b""
    if len(found) != _SHA256_BYTES:
        raise InvalidParameter("`Content-Digest` is `sha-256=:...:`, the digest of the content in base64 (RFC 9530).")
    return found


def _metadata_in(request: web.Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        if name.lower().startswith(METADATA_PREFIX.lower()):
            key = name[len(METADATA_PREFIX) :].lower()
            if not key or key in found or not _is_text(value):
                raise InvalidParameter(f"`{METADATA_PREFIX}NAME` headers have a name, stand once, and are UTF-8.")
            found[key] = value
    return found


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # header bytes that are not UTF-8 arrive as lone surrogates
        return False
    return True


async def whole_body(request: web.Request, patience: Patience) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises as ``Patience.arrival``."""
    content = request.content
    await patience.wait_for(go_on(request))
    while piece := await patience.arrival(content.readany()):
        yield piece


@contextmanager
def _form_faults() -> Iterator[None]:
    try:
        yield
    except (ValueError, AssertionError, RuntimeError, web.HTTPException) as error:
        raise MalformedBody("The body is not a form (`multipart/form-data`) that can be read.") from error


async def _parts(parts: MultipartReader, patience: Patience) -> AsyncIterator[BodyPartReader]:
    while part := await patience.wait_for(parts.next()):
        if not isinstance(part, BodyPartReader):
            raise MalformedBody("A part of the form is a form itself.")
        if part.headers.get("Content-Transfer-Encoding", "binary").lower() not in _CODINGS:
            raise UnsupportedMediaType("Send the parts of a form as they are, without `Content-Transfer-Encoding`.")
        if "Content-Encoding" in part.headers:
            raise UnsupportedMediaType("A file is kept as it is sent; leave `Content-Encoding` out.")
        yield part


async def _take_field(part: BodyPartReader, patience: Patience, fields: dict[str, str]) -> None:
    if part.name not in _FIELDS or part.name in fields:
        raise InvalidParameter(f"A form has, each once and before `file`: {', '.join(_FIELDS)}; not {part.name!r:.80}.")
    text = bytearray()
    while piece := await patience.arrival(part.read_chunk()):
        text += piece
        if len(text) > _FIELD_BYTES:
            raise InvalidParameter(f"`{part.name}` may have {_FIELD_BYTES} bytes.")
    try:
        fields[part.name] = text.decode()
    except UnicodeDecodeError:
        raise InvalidParameter(f"`{part.name}` is not UTF-8.") from None


def _upload(
    part: BodyPartReader,
    parts: MultipartReader,
    patience: Patience,
    fields: Mapping[str, str],
    new_id: Callable[[], str],
) -> Upload:
    file_id = fields.get("file_id") or new_id()
    return Upload(
        file=NewFile(
            file_id=file_id,
            name=fields.get("name") or part.filename or file_id,
            content_type=part.headers.get("Content-Type") or OCTETS,
            metadata=(fields.get("metadata") or "{}").encode(),
        ),
        content=_content(part, parts, patience),
        sha256=digest_in(part.headers),
    )


async def _content(part: BodyPartReader, parts: MultipartReader, patience: Patience) -> AsyncIterator[bytes]:
    with _form_faults():
        while piece := await patience.arrival(part.read_chunk(_PIECE_BYTES)):
            yield bytes(piece)
        async for _ in _parts(parts, patience):
            raise InvalidParameter("The part `file` comes last in a form.")

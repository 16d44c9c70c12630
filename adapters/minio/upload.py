"""One object on its way into a bucket, in a single request or in parts; nobody sees it before its end.

The driver's own ``put_object`` cannot name the condition under which it may create an object, so its requests are made
one by one: by S3's rules only the request that completes an object takes ``If-None-Match: *``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import suppress
from hashlib import md5
from xml.etree.ElementTree import Element, SubElement, tostring

from minio import Minio

from adapters.minio.errors import refusals
from domain.errors import BackendError, ObjectNotFound

PART_BYTES = 5 * 1024 * 1024  # S3 takes 10,000 parts of at least so many
_TYPE = "application/octet-stream"
_ONLY_NEW = {"If-None-Match": "*"}


class Upload:
    """Blocking requests of one upload."""

    def __init__(self, client: Minio, endpoint: str, bucket: str, name: str) -> None:
        self._client = client
        self._endpoint = endpoint
        self._bucket = bucket
        self._name = name
        self._upload: str | None = None
        self._etags: dict[int, str] = {}  # of the parts, by their numbers

    def begin(self) -> None:
        """Say that the object comes in parts."""
        with refusals(self._endpoint, self._name):
            self._upload = self._client._create_multipart_upload(self._bucket, self._name, {"Content-Type": _TYPE})

    def add(self, part: bytes, number: int) -> None:
        """Send a part of an upload that has begun; the first one has number 1."""
        with refusals(self._endpoint, self._name):
            upload = self._upload or ""
            self._etags[number] = self._client._upload_part(self._bucket, self._name, part, None, upload, number)

    def finish(self, part: bytes) -> None:
        """Send the last part, and let the object be. Raises ObjectExists."""
        if self._upload is not None:
            self.add(part, len(self._etags) + 1)
            self.complete()
            return
        headers: dict[str, str | list[str] | tuple[str]] = {"Content-Type": _TYPE, **_ONLY_NEW}
        with refusals(self._endpoint, self._name):
            self._client._put_object(self._bucket, self._name, part, headers)

    def complete(self) -> None:
        """Make one object of the parts. Raises ObjectExists."""
        body = _parts_document(self._etags)
        md5_of_body = b64encode(md5(body, usedforsecurity=False).digest()).decode()
        with refusals(self._endpoint, self._name):
            self._client._execute(
                "POST",
                self._bucket,
                self._name,
                body=body,
                headers={"Content-Type": "application/xml", "Content-MD5": md5_of_body, **_ONLY_NEW},
                query_params={"uploadId": self._upload or ""},
            )
        self._upload = None

    def abort(self) -> None:
        """Forget the parts; a store that does not answer forgets them by its own rule for what was never completed."""
        if self._upload is not None:
            with suppress(BackendError, ObjectNotFound), refusals(self._endpoint, self._name):
                self._client._abort_multipart_upload(self._bucket, self._name, self._upload)


async def parts_of(content: AsyncIterable[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """The content in parts that S3 takes, each with whether it is the last; one empty part where there is nothing."""
    held = bytearray()
    async for piece in content:
        for place in range(0, len(piece), PART_BYTES):
            held += piece[place : place + PART_BYTES]
            if len(held) > PART_BYTES:
                with memoryview(held) as view:
                    part = bytes(view[:PART_BYTES])
                del held[:PART_BYTES]
                yield part, False
    yield bytes(held), True


def _parts_document(etags: Mapping[int, str]) -> bytes:
    document = Element("CompleteMultipartUpload")
    for number, etag in sorted(etags.items()):
        part = SubElement(document, "Part")
        SubElement(part, "PartNumber").text = str(number)
        SubElement(part, "ETag").text = f'"{etag}"'
    return tostring(document)

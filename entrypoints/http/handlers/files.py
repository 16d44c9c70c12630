"""Files: content in and out as it is, and what is known of it as a record."""

from __future__ import annotations

from contextlib import aclosing
from typing import TypeVar
from urllib.parse import quote

from aiohttp import web

from domain.errors import AbilityMissing, BackendError
from domain.model.changes import Replaced
from domain.model.files import Part
from domain.model.records import Record
from domain.services.files import FileService
from entrypoints.http import preconditions, shown
from entrypoints.http.answers import common_headers, json_response
from entrypoints.http.call import Call
from entrypoints.http.file_headers import headers_of, size_of
from entrypoints.http.handlers.records import key_of, not_modified, patched
from entrypoints.http.lasting import Lasting, Stream
from entrypoints.http.parameters import only
from entrypoints.http.ranges import part_of
from entrypoints.http.upload import FORM, Patience, Upload, of_form, raw

T = TypeVar("T")


async def put_file(call: Call) -> web.Response:
    """Keep a file under an id: a new one, or in the place of another."""
    name = only(call.request, "name").get("name")
    tags, only_new = preconditions.if_match(call.request), preconditions.is_only_new(call.request)
    file_id = key_of(call)
    files = _files(call)
    with call.services.filing.uploads.one(call.sender):
        upload = raw(call.request, patience(call), file_id, name or file_id)
        stored = await files.store(
            upload.file, upload.content, sha256=upload.sha256, if_match=tags, only_new=only_new, origin=call.origin
        )
    return _stored(call, stored)


async def create_file(call: Call) -> web.Response:
    """Keep a new file under an id that the service gives, or that the form names."""
    preconditions.refuse(call.request, "If-Match", "If-None-Match", "Idempotency-Key")
    files = _files(call)
    with call.services.filing.uploads.one(call.sender):
        upload = await _sent(call)
        stored = await files.store(upload.file, upload.content, sha256=upload.sha256, only_new=True, origin=call.origin)
    return _stored(call, stored)


async def patch_file(call: Call) -> web.Response:
    """Change the name, the type or the metadata of a file (JSON merge patch); its content stays."""
    return await patched(call, _files(call).describe)


async def file_content(call: Call) -> web.StreamResponse:
    """The content of a file, or a range of it."""
    if "version" in only(call.request, "version"):
        raise AbilityMissing("Former contents of a file are not kept: no store here has the ability `object_versions`.")
    asked = _Asked(call.request)
    opened = await _files(call).open(key_of(call), asked.part)
    if asked.unchanged:
        return not_modified(opened.record.tag)
    size = size_of(opened.record)
    part = opened.part or Part()
    length = size - part.start if part.length is None else part.length
    response = web.StreamResponse(status=206 if asked.is_partial else 200)
    response.headers.update(headers_of(opened.record) | common_headers(call))
    if asked.is_partial:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.start + length - 1}/{size}"
    else:
        response.headers["Content-Digest"] = response.headers["Repr-Digest"]
    response.content_length = length
    stream = Stream(call, response)
    if opened.content is None:
        await stream.begin()
        return response
    async with aclosing(opened.content) as pieces:
        await stream.begin()
        async for piece in pieces:
            length -= len(piece)
            await stream.write(piece)
    if length:
        raise BackendError("The object store gave less of the file than there is.")
    await stream.end()
    return response


class _Asked:
    """What a request wants of a file, which only its record can tell."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.unchanged = False
        self.is_partial = False

    def part(self, record: Record) -> Part | None:
        """The bytes to read; None: there is nothing to send but headers. Raises RangeNotSatisfiable."""
        self.unchanged = preconditions.is_unchanged(self._request, record.tag)
        if self.unchanged or self._request.method == "HEAD":
            return None
        part = part_of(self._request, size_of(record), record.tag)
        self.is_partial = part is not None
        return part or Part()


def _files(call: Call) -> FileService:
    return kept(call.services.filing.files)


def kept(service: T | None) -> T:
    """What keeps files. Raises AbilityMissing where none are kept."""
    if service is None:
        raise AbilityMissing(
            "No files are kept here: `objects.type` is `off`, or instances share a buffer and no object store. "
            'Set `objects.type = "s3"` and its bucket.'
        )
    return service


def patience(call: Call) -> Patience:
    """How long the service waits for a file that a request brings, and for whom."""
    return Patience(call.services.bodies.seconds, Lasting(call).go_on)


async def _sent(call: Call) -> Upload:
    request, new_id = call.request, call.services.ids.request_id
    if request.content_type == FORM:
        only(request)
        return await of_form(request, patience(call), new_id)
    file_id = new_id()
    return raw(request, patience(call), file_id, only(request, "name").get("name") or file_id)


def _stored(call: Call, stored: Replaced) -> web.Response:
    record = stored.record
    headers = {
        "ETag": preconditions.quoted(record.tag),
        "Location": f"/api/v1/storage/files/{quote(record.key, safe='')}",
    }
    return json_response(shown.document(call, record), 200 if stored.former else 201, headers)

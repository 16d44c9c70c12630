"""Resumable uploads by the tus protocol: begun, gone on with after whatever came between, and ended."""

from __future__ import annotations

from email.utils import format_datetime
from urllib.parse import quote

from aiohttp import web

from domain.errors import MethodNotAllowed, PayloadTooLarge
from domain.model.uploads import UploadState
from domain.services.uploads import UploadService
from entrypoints.http import preconditions, shown, tus
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.handlers.files import kept, patience
from entrypoints.http.parameters import only
from entrypoints.http.upload import whole_body
from entrypoints.http.wire import instant

UPLOADS = "/api/v1/storage/uploads"
NOT_KEPT = {"Cache-Control": "no-store"}


async def upload_abilities(call: Call) -> web.Response:
    """What the upload protocol can do here."""
    only(call.request)
    uploads = _uploads(call)
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(uploads.max_bytes),
        "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
    }
    return web.Response(status=204, headers=headers)


async def begin_upload(call: Call) -> web.Response:
    """Begin an upload of a new file; its content follows in pieces."""
    only(call.request)
    preconditions.refuse(call.request, "If-Match", "If-None-Match", "Idempotency-Key")
    uploads = _uploads(call)
    tus.check_version(call.request)
    state = await uploads.begin(tus.plan(call.request, call.services.ids.request_id), origin=call.origin)
    return web.Response(status=201, headers={"Location": f"{UPLOADS}/{state.upload_id}", **_headers(state)})


async def upload_state(call: Call) -> web.Response:
    """How far an upload is."""
    only(call.request)
    uploads = _uploads(call)
    if call.request.method == "HEAD":
        tus.check_version(call.request)
    state = await uploads.state(_id(call), origin=call.origin)
    document = {
        "upload_id": state.upload_id,
        "file_id": state.plan.file_id,
        "offset": state.offset,
        "length": state.plan.length,
        "expires_at": instant(state.expires_at),
    }
    said = {"Upload-Metadata": state.plan.said} if state.plan.said else {}
    headers = {"Upload-Length": str(state.plan.length), **said, **_headers(state), **NOT_KEPT}
    return json_response(document, headers=headers)


async def append_upload(call: Call) -> web.Response:
    """Send a piece of the content; behind the last one there is the file."""
    only(call.request)
    request, uploads = call.request, _uploads(call)
    tus.check_version(request)
    tus.check_body(request)
    offset = tus.number(request, "Upload-Offset")
    content, is_checked = tus.checked(request, whole_body(request, patience(call)))
    if offset + (request.content_length or 0) > uploads.max_bytes:
        raise PayloadTooLarge(f"A file may have {uploads.max_bytes} bytes; this one is larger.")
    with call.services.filing.uploads.one(call.sender):
        state = await uploads.append(_id(call), offset, content, whole=is_checked, origin=call.origin)
    return web.Response(status=204, headers=_headers(state))


async def complete_upload(call: Call) -> web.Response:
    """Make the file, now that its content has been put by a link; answers with what is known of it."""
    only(call.request)
    uploads = _uploads(call)
    with call.services.filing.uploads.one(call.sender):
        record = await uploads.complete(_id(call), origin=call.origin)
    headers = {"ETag": preconditions.quoted(record.tag), "Content-Location": _place(record.key)}
    return json_response(shown.document(call, record), headers=headers)


async def end_upload(call: Call) -> web.Response:
    """Forget an upload; a file that it has become stays."""
    only(call.request)
    uploads = _uploads(call)
    tus.check_version(call.request)
    await uploads.end(_id(call))
    return web.Response(status=204)


async def overridden_upload(call: Call) -> web.Response:
    """PATCH and DELETE for clients that can only POST: the method stands in `X-HTTP-Method-Override`."""
    method = call.request.headers.get("X-HTTP-Method-Override", "").upper()
    handler = {"PATCH": append_upload, "DELETE": end_upload}.get(method)
    if handler is None:
        raise MethodNotAllowed("POST is not possible here but with `X-HTTP-Method-Override: PATCH` or `DELETE`.")
    return await handler(call)


def _uploads(call: Call) -> UploadService:
    """Also says in any answer, whatever comes of the request, which protocol is spoken."""
    call.headers["Tus-Resumable"] = tus.VERSION
    return kept(call.services.filing.resumable)


def _id(call: Call) -> str:
    return call.request.match_info["upload_id"]


def _headers(state: UploadState) -> dict[str, str]:
    headers = {"Upload-Offset": str(state.offset)}
    if state.is_complete:
        return headers | {"Content-Location": _place(state.plan.file_id)}
    return headers | {"Upload-Expires": format_datetime(state.expires_at.replace(microsecond=0), usegmt=True)}


def _place(file_id: str) -> str:
    return f"/api/v1/storage/files/{quote(file_id, safe='')}"

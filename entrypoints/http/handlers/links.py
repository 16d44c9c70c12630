"""Links to the content of files: past the service, to and from the object store."""

from __future__ import annotations

from aiohttp import web

from domain.model.access import Right
from domain.services.file_links import FileLinks
from entrypoints.http import media, preconditions
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.door import require
from entrypoints.http.file_headers import shown_of
from entrypoints.http.handlers.files import kept
from entrypoints.http.handlers.records import key_of
from entrypoints.http.handlers.uploads import NOT_KEPT, UPLOADS
from entrypoints.http.lasting import body_of
from entrypoints.http.link_request import LinkToGet, link_wanted
from entrypoints.http.parameters import only
from entrypoints.http.wire import Document, instant


async def create_link(call: Call) -> web.Response:
    """A link to read the content of a file, or to put that of a new one, straight from or into the bucket."""
    only(call.request)
    preconditions.refuse(call.request, "If-Match", "If-None-Match", "Idempotency-Key")
    links: FileLinks = kept(call.services.filing.links)
    media.media_type(call.request, media.JSON)
    wanted, file_id = link_wanted(await body_of(call)), key_of(call)
    upload: str | None = None
    if isinstance(wanted, LinkToGet):
        link = await links.to_get(file_id, wanted.expires_in, shown_of)
    else:
        require(call, Right.WRITE, call.resource.collection.name)
        upload_id, link = await links.to_put(wanted.plan(file_id), wanted.expires_in, origin=call.origin)
        upload = f"{UPLOADS}/{upload_id}"
    document: Document = {
        "method": link.method,
        "url": link.url,
        "headers": dict(link.headers),
        "expires_at": instant(link.expires_at),
        "upload": upload,
    }
    return json_response(document, 201, NOT_KEPT)

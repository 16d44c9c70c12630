"""Builds answers: JSON, lists, and one JSON object whose last member is streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import hdrs, web

from domain.model.query import QueryResult
from entrypoints.http import list_parameters
from entrypoints.http.call import Call
from entrypoints.http.lasting import Stream
from entrypoints.http.list_parameters import ListRequest
from entrypoints.http.media import JSON
from entrypoints.http.wire import Document, body_of

CACHED = "X-Cache"
SAFETY = {
    "Server": "",  # nobody needs to know whose faults to look for
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "private, no-cache",  # a proxy does not know that `X-API-Key` decides over an answer
}
ONLY_ENCRYPTED = {"Strict-Transport-Security": "max-age=31536000"}


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """``content``: whatever msgspec encodes."""
    return web.Response(body=body_of(content), status=status, headers={"Content-Type": JSON, **(headers or {})})


def page_response(call: Call, asked: ListRequest, result: QueryResult, *, linked: bool = True) -> web.Response:
    """One page of a list; ``linked``: whether an address alone leads to the next one."""
    resource = call.resource
    cursor = list_parameters.next_cursor(resource.collection, asked, result)
    page: Document = {
        "items": [resource.wire.document(record, asked.fields) for record in result.items],
        "page": asked.page,
        "page_size": asked.query.limit,
        "total": result.total,
    }
    if result.total is not None:
        page["total_exact"] = result.total_exact
    page["next_cursor"] = cursor
    path = call.request.rel_url.raw_path
    link = list_parameters.next_link(path, asked, cursor) if cursor and linked else None
    return json_response(page, headers={"Link": link} if link else None)


async def streamed_response(
    call: Call, head: Document, member: str, portions: AsyncIterator[Sequence[Document]]
) -> web.StreamResponse:
    """``head`` with one more member: an array of any length, sent as it is read.

    What goes wrong before the first portion is still a problem document; later the connection is cut, and the answer
    is then visibly no JSON.
    """
    first = await anext(portions, None) or ()
    response = web.StreamResponse(headers={"Content-Type": JSON, **common_headers(call)})
    stream = Stream(call, response)
    await stream.begin()
    await stream.write(msgspec.json.encode(head)[:-1] + f',"{member}":['.encode() + _items(first))
    async for portion in portions:
        if portion:
            await stream.write(b"," + _items(portion))
    await stream.write(b"]}\n")
    await stream.end()
    return response


async def streamed_lines(
    call: Call, content_type: str, head: bytes, portions: AsyncIterator[bytes]
) -> web.StreamResponse:
    """``head`` and lines of any number, sent as they are read; what goes wrong on the way cuts the connection."""
    first = await anext(portions, b"")
    response = web.StreamResponse(headers={"Content-Type": content_type, **common_headers(call)})
    stream = Stream(call, response)
    await stream.begin()
    if call.request.method == hdrs.METH_HEAD:  # it comes to what answers GET
        return response
    await stream.write(head + first)
    async for portion in portions:
        await stream.write(portion)
    await stream.end()
    return response


def common_headers(call: Call) -> dict[str, str]:
    """What every answer carries."""
    secure = ONLY_ENCRYPTED if call.request.secure else {}
    return {"X-Request-Id": call.request_id, **SAFETY, **secure, **call.headers}


def _items(portion: Sequence[Document]) -> bytes:
    return msgspec.json.encode(portion)[1:-1]

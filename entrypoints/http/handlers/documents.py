"""The API's own description, for programs and for people."""

from __future__ import annotations

from aiohttp import web

from domain.errors import RouteNotFound
from entrypoints.http import pages
from entrypoints.http.call import Call
from entrypoints.http.media import JSON
from entrypoints.http.parameters import only

DESCRIPTION = web.AppKey("description", bytes)  # the OpenAPI document as JSON


async def openapi(call: Call) -> web.Response:
    """This description (OpenAPI 3.1)."""
    only(call.request)
    return web.Response(body=call.request.app[DESCRIPTION], headers={"Content-Type": JSON})


async def docs(call: Call) -> web.StreamResponse:
    """The page that draws this description; it works without a network."""
    only(call.request)
    return pages.docs()


async def asset(call: Call) -> web.StreamResponse:
    """A file of a page."""
    only(call.request)
    name = call.request.match_info["file"]
    if name not in pages.FILES:
        raise RouteNotFound(f"No page has a file {name[:80]!r}.")
    return pages.file_response(pages.FILES[name])

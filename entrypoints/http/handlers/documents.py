"""The API's own description."""

from __future__ import annotations

from aiohttp import web

from entrypoints.http.call import Call
from entrypoints.http.media import JSON
from entrypoints.http.parameters import only

DESCRIPTION = web.AppKey("description", bytes)  # the OpenAPI document as JSON


async def openapi(call: Call) -> web.Response:
    """This description (OpenAPI 3.1)."""
    only(call.request)
    return web.Response(body=call.request.app[DESCRIPTION], headers={"Content-Type": JSON})

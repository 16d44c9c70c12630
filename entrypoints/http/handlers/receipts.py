"""Receipts: the way from an acknowledgement to what became of it."""

from __future__ import annotations

from aiohttp import web

from domain.model.receipts import ReceiptState
from entrypoints.http import wire
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.parameters import only


async def status(call: Call) -> web.Response:
    """What became of an acknowledged request."""
    only(call.request)
    found = await call.services.receipts.status(call.request.match_info["receipt"])
    again = {"Retry-After": "1"} if found.state is ReceiptState.PENDING else None
    return json_response(wire.receipt(found), headers=again)

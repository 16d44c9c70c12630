"""Receipts: the way from an acknowledgement to what became of it."""

from __future__ import annotations

from aiohttp import web

from domain.model.access import Right
from domain.model.receipts import Receipt, ReceiptState
from entrypoints.http import wire
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.door import require
from entrypoints.http.parameters import only


async def status(call: Call) -> web.Response:
    """What became of an acknowledged request."""
    only(call.request)
    text = call.request.match_info["receipt"]
    require(call, Right.WRITE, Receipt.parse(text).lane)
    found = await call.services.receipts.status(text)
    again = {"Retry-After": "1"} if found.state is ReceiptState.PENDING else None
    return json_response(wire.receipt(found), headers=again)

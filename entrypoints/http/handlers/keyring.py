"""Keys, and what is encrypted under them."""

from __future__ import annotations

from datetime import datetime

import msgspec
from aiohttp import web

from domain.errors import KeyringMissing
from domain.services.rewrapping import KeyringState, Rewrapping
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.parameters import only
from entrypoints.http.wire import Document, instant


async def show(call: Call) -> web.Response:
    """The ids of the keys, how much is encrypted under each, and how far the latest look at the records is."""
    only(call.request)
    return json_response(_document(_rewrapping(call).state()))


async def rewrap(call: Call) -> web.Response:
    """Look through all records again, and encrypt anew what is under another key than the active one, or under none."""
    only(call.request)
    rewrapping = _rewrapping(call)
    rewrapping.again()
    return json_response(_document(rewrapping.state()), 202)


def _document(state: KeyringState) -> Document:
    told: Document = msgspec.to_builtins(state, builtin_types=(datetime,))
    for looked in told["collections"].values():
        at = looked["finished_at"]
        looked["finished_at"] = instant(at) if at else None
    return told


def _rewrapping(call: Call) -> Rewrapping:
    found = call.services.encryption.rewrapping
    if found is None or call.services.encryption.sealing.keyring is None:
        raise KeyringMissing
    return found

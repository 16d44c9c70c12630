"""The door: who asks, and whether they may, before anything of the body is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from domain.errors import CredentialInAddress, MissingScope, Unauthenticated
from domain.model.access import Right, scope_of
from entrypoints.http.call import Call
from entrypoints.http.quota import count, count_stranger

if TYPE_CHECKING:
    from entrypoints.http.routes import Route

KEY_HEADER = "X-API-Key"
CHALLENGE = 'Bearer realm="persistence"'
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_TELLING = re.compile(r"(?:^|&)(?:api_?key|x-api-key|access_token)=|ps_[a-z0-9]+(?:\.|%2e)", re.IGNORECASE)


async def admit(call: Call, route: Route | None) -> None:
    """Let a caller in who may do what a route is for; an unknown address is answered only to those who are known.

    Raises Unauthenticated, CredentialInAddress, MissingScope, Unavailable.
    """
    if route is not None and route.is_open:
        return
    access = call.services.access
    if not access.is_open and _TELLING.search(call.request.rel_url.raw_query_string):
        raise CredentialInAddress
    try:
        call.principal = await access.principal(_credential(call.request))
    except Unauthenticated:
        await count_stranger(call)
        raise
    await count(call, route)
    if route is None or route.right is None:
        return
    collection = route.collection or call.request.match_info.get("collection")
    if collection is None and route.right is not Right.ADMIN:  # of which one, the handler finds out
        if not call.principal.may_some(route.right):
            raise refusal(route.right)
        return
    require(call, route.right, collection)
    if route.also is not None:
        require(call, route.right, route.also)


def require(call: Call, right: Right, collection: str | None = None) -> None:
    """Go on only for a caller who may. Raises MissingScope."""
    if not call.principal.may(right, collection):
        raise refusal(right, collection)


def refusal(right: Right, collection: str | None = None) -> MissingScope:
    """The error that names what is missing."""
    scope = scope_of(right, collection)
    every = f", or `{right}` for every collection" if collection else ""
    return MissingScope(f"This needs the scope `{scope}`{every}.", scope=scope)


def _credential(request: web.Request) -> str | None:
    """What a caller shows: one key or one token, in a header, never in a cookie."""
    keys, tokens = request.headers.getall(KEY_HEADER, []), request.headers.getall("Authorization", [])
    if len(keys) + len(tokens) != 1:
        return None
    if keys:
        return keys[0].strip()
    match = _BEARER.fullmatch(tokens[0].strip())
    return match[1] if match else None

"""The door: who asks, and whether they may, before anything of the body is read."""

from __future__ import annotations

import re

from aiohttp import web

from domain.errors import CredentialInAddress, MissingScope, Unauthenticated
from domain.model.access import Principal, Right, scope_of
from domain.model.built_in import BUILT_IN
from entrypoints.http.call import Call
from entrypoints.http.quota import Stranger, count
from entrypoints.http.route import Route

KEY_HEADER = "X-API-Key"
CHALLENGE = 'Bearer realm="persistence"'
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_NAMES = frozenset(collection.name for collection in BUILT_IN)  # nothing else of an address gets into an answer
_CALLED_SO = re.compile(r"(?:^|&)(?:api_?key|x-api-key|(?:access_|id_)?token|jwt|bearer|authorization)=", re.IGNORECASE)
_KEY = re.compile(r"ps(?:_|%5f)[a-z2-7]{16}(?:\.|%2e)", re.IGNORECASE)
_TOKEN = re.compile(  # a JWT: `{"` in base64, twice; each word is looked at once, however often that begins in it
    r"(?<![\w-])(?>[\w-]*?eyJ)[\w-]{8,}+(?i:\.|%2e)eyJ[\w-]++(?i:\.|%2e)", re.ASCII
)


async def admit(call: Call, route: Route | None) -> None:
    """Let a caller in who may do what a route is for; an unknown address is answered only to those who are known.

    Who shows nothing that is known here counts before a look-up is spent on them (decision 0023).

    Raises ForeignOrigin, Unauthenticated, CredentialInAddress, MissingScope, QuotaExceeded, Unavailable.
    """
    if route is not None and route.is_open:
        return
    if (origins := call.doorway.credentials.origins) is not None:
        origins.check(call.request)
    call.let_in(await _who_asks(call))
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


async def let_go_on(call: Call) -> None:
    """Ask again of a request that may last for ever: a key is revoked meanwhile, a token expires.

    Raises Unauthenticated, Unavailable.
    """
    await call.doorway.credentials.access.principal(_credential(call.request))


def require(call: Call, right: Right, collection: str | None = None) -> None:
    """Go on only for a caller who may. Raises MissingScope."""
    if not call.principal.may(right, collection):
        raise refusal(right, collection)


def refusal(right: Right, collection: str | None = None) -> MissingScope:
    """The error that names what is missing."""
    scope = scope_of(right, collection if collection in _NAMES else None)
    every = f", or `{right}` for every collection" if ":" in scope else ""
    return MissingScope(f"This needs the scope `{scope}`{every}.", scope=scope)


async def _who_asks(call: Call) -> Principal:
    access, stranger = call.doorway.credentials.access, Stranger(call)
    try:
        if not access.is_open and _tells_a_credential(call.request):
            raise CredentialInAddress
        return await access.principal(_credential(call.request), stranger.count)
    except (Unauthenticated, CredentialInAddress):
        await stranger.count()
        stranger.tell()
        raise


def _tells_a_credential(request: web.Request) -> bool:
    address = request.rel_url
    whole = address.raw_path_qs
    return bool(_KEY.search(whole) or _TOKEN.search(whole) or _CALLED_SO.search(address.raw_query_string))


def _credential(request: web.Request) -> str | None:
    """What a caller shows: one key or one token, in a header, never in a cookie."""
    shown = {key.strip() for key in request.headers.getall(KEY_HEADER, [])}
    for authorization in request.headers.getall("Authorization", []):
        match = _BEARER.fullmatch(authorization.strip())
        shown.add(match[1] if match else "")
    return shown.pop() if len(shown) == 1 else None

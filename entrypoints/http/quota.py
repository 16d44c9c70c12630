"""Counts a request against its caller's quota, and tells the caller what is left of it.

Fields by draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math

from multidict import MultiMapping

from domain.errors import QuotaExceeded
from domain.model.quotas import Allowance
from domain.services.query_rules import is_identifier
from entrypoints.http.call import Call
from entrypoints.http.route import Route

_BATCH = "/batch"  # bounded by the bytes that are on their way, not in number
_NAMING = ("session_id", "session_id__eq")  # one session
_LISTING = "session_id__in"
_LEAVING_OUT = ("session_id__ne", "session_id__nin", "session_id__isnull")  # all sessions but some
_SEVERAL = ""  # counts as one more session: no id is empty


async def count(call: Call, route: Route | None) -> None:
    """Count a request of a caller who is known, unless it is a batch. Raises QuotaExceeded."""
    if route is None or not (route.is_open or route.template.endswith(_BATCH)):
        _tell(call, await call.doorway.limiting.quotas.count(call.principal, _session_of(call)))


class Stranger:
    """Whoever asks, until it is known who that is: counts once, be it before a look-up or when they are refused."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._is_counted = False
        self._left: Allowance | None = None

    async def count(self) -> None:
        """Count the request, unless it is counted. Raises QuotaExceeded."""
        if not self._is_counted:
            self._is_counted = True
            self._left = await self._call.doorway.limiting.quotas.count_stranger(self._call.address)
            if self._left is not None and self._left.is_used_up:
                _tell(self._call, self._left)

    def tell(self) -> None:
        """Say what is left to them, when they are refused: whoever turns out to be known has quotas of their own."""
        _tell(self._call, self._left)


def _tell(call: Call, left: Allowance | None) -> None:
    if left is None:
        return
    quota = left.quota
    call.headers["RateLimit-Policy"] = f'"{quota.name}";q={quota.limit};w={quota.seconds}'
    call.headers["RateLimit"] = f'"{quota.name}";r={left.remaining};t={math.ceil(left.reset_seconds)}'
    if left.is_used_up:
        raise QuotaExceeded(
            f"{quota.limit} requests in {quota.seconds} s are the quota (`{quota.name}`), and it is used up.",
            retry_after=left.reset_seconds,
        )


def _session_of(call: Call) -> str | None:
    """The session that a query is about: what can be no id is not kept in mind, however much of it is sent.

    Lists, ranges and prefixes of sessions count as one session together, since any of them may hold one among others.
    """
    request = call.request
    if request.method not in ("GET", "HEAD"):
        return None
    found = request.match_info.get("session_id")
    if found is None and request.query_string:
        found = _listed(request.query)
    return found if found is not None and (found == _SEVERAL or is_identifier(found)) else None


def _listed(query: MultiMapping[str]) -> str | None:
    """The session of which a list is asked for; None where it is about all, or all but some."""
    named = {value for name in _NAMING for value in query.getall(name, ())}
    if not named:
        listed = query.getall(_LISTING, ())
        named.update(listed if len(listed) == 1 and not set(",\\") & set(listed[0]) else ())
    if len(named) == 1:
        return named.pop()
    others = (name for name in query if name.startswith("session_id") and name not in _LEAVING_OUT)
    return _SEVERAL if named or any(others) else None

"""Quotas: what a caller may ask in a minute, counted once for all instances while they can count together."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from domain.errors import Unavailable
from domain.model.access import Principal
from domain.model.observations import QuotasDegraded, QuotasShared, RequestsLimited
from domain.model.quotas import Allowance, Quota, QuotaPolicy
from ports.ambient import Clock, Observer
from ports.rate_limiter import RateLimiter

REST_SECONDS = 1.0  # before a limiter that failed is asked again
MAX_REFUSED = 10_000  # callers whose next chance is known here
_SITE_BITS = 64  # of an IPv6 address: one customer has all that follow


class Quotas:
    """Decides whose request is one too many.

    Who shows a credential is counted by it, wherever they come from; all others by their address.
    """

    def __init__(
        self, policy: QuotaPolicy, own: RateLimiter, shared: RateLimiter | None, observer: Observer, clock: Clock
    ) -> None:
        """``own``: of this process; ``shared``: of all instances, which may fail."""
        self._own = own
        self._shared = shared
        self._observer = observer
        self._clock = clock
        self._instances = policy.instances
        self._address = Quota("address", policy.anonymous_per_minute)
        self._key = Quota("key", policy.key_per_minute)
        self._session = Quota("session", policy.session_queries_per_minute)
        self._trouble = False
        self._next_try = 0.0
        self._refused: OrderedDict[tuple[str, str], float] = OrderedDict()  # until when, by quota and caller

    async def count(self, principal: Principal, session_id: str | None = None) -> Allowance | None:
        """Count a request; ``session_id``: of the session that it asks about.

        What is left of the quota that is nearer to its end; None where nothing is counted.
        """
        if principal.name is None:
            return None
        left = await self._hit(self._key, principal.name)
        if session_id is None or (left is not None and left.is_used_up):
            return left
        of_session = await self._hit(self._session, f"{principal.name}\n{session_id}")  # neither has a line's end
        return min(filter(None, (of_session, left)), key=_share, default=None)

    async def count_stranger(self, address: str | None) -> Allowance | None:
        """Count a request without a valid credential; None where such are not counted."""
        return await self._hit(self._address, site_of(address))

    async def _hit(self, quota: Quota, who: str) -> Allowance | None:
        if not quota.limit:
            return None
        now = self._clock.monotonic()
        if (until := self._refused.get((quota.name, who), now)) > now:  # a refusal costs no trip
            left = Allowance(quota, 0, until - now, is_used_up=True)
        else:
            left = await self._limited(quota, who)
            if left.is_used_up:
                self._remember(quota, who, now + left.reset_seconds)
        if left.is_used_up:
            self._observer(RequestsLimited(quota=quota.name))
        return left

    async def _limited(self, quota: Quota, who: str) -> Allowance:
        if self._shared is None:
            return await self._own.hit(quota, who)
        if not self._trouble or self._clock.monotonic() >= self._next_try:
            self._next_try = self._clock.monotonic() + REST_SECONDS  # the others do not try it meanwhile
            try:
                left = await self._shared.hit(quota, who)
            except Unavailable as error:
                self._degrade(error.detail)
            else:
                self._recover()
                return left
        return await self._own.hit(quota.among(self._instances), who)

    def _degrade(self, detail: str) -> None:
        if not self._trouble:
            self._trouble = True
            self._observer(QuotasDegraded(detail=detail))

    def _recover(self) -> None:
        if self._trouble:
            self._trouble = False
            self._refused.clear()  # by a part of the quota: the whole may have room
            self._observer(QuotasShared())

    def _remember(self, quota: Quota, who: str, until: float) -> None:
        self._refused[quota.name, who] = until
        self._refused.move_to_end((quota.name, who))
        if len(self._refused) > MAX_REFUSED:  # whoever is forgotten too early costs a trip
            self._refused.popitem(last=False)


def _share(left: Allowance) -> float:
    return left.remaining / left.quota.limit


def site_of(address: str | None) -> str:
    """Who counts as one stranger: an IPv4 address, or all of the IPv6 addresses that one customer is given."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found.packed, _SITE_BITS), strict=False))
    return str(found)

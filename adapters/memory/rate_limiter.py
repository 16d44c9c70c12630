"""Requests of a while in this process."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from domain.model.quotas import Allowance, Quota

MAX_NAMES = 20_000


class MemoryRateLimiter:
    """The moments of the requests that count; whoever asked longest ago is forgotten first."""

    def __init__(self, monotonic: Callable[[], float], max_names: int = MAX_NAMES) -> None:
        self._monotonic = monotonic
        self._max_names = max_names
        self._moments: OrderedDict[tuple[Quota, str], deque[float]] = OrderedDict()

    async def hit(self, quota: Quota, who: str) -> Allowance:
        """As the port says."""
        now = self._monotonic()
        moments = self._moments.setdefault((quota, who), deque())
        self._moments.move_to_end((quota, who))
        while moments and moments[0] <= now - quota.seconds:
            moments.popleft()
        if is_used_up := len(moments) >= quota.limit:
            return Allowance(quota, 0, moments[0] + quota.seconds - now, is_used_up)
        moments.append(now)
        if len(self._moments) > self._max_names:
            self._moments.popitem(last=False)
        return Allowance(quota, quota.limit - len(moments), moments[0] + quota.seconds - now)

"""The seam to whatever counts requests."""

from __future__ import annotations

from typing import Protocol

from domain.model.quotas import Allowance, Quota


class RateLimiter(Protocol):
    """Counts requests over a moving window: in whichever stretch of time one looks at are no more than the limit."""

    async def hit(self, quota: Quota, who: str) -> Allowance:
        """Count a request of ``who``, unless that would be one too many.

        Of several at once for the last place exactly one has it. Raises Unavailable: nobody knows.
        """
        ...

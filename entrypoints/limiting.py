"""How requests are counted, by the configuration; none of it does I/O."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from adapters.memory.rate_limiter import MemoryRateLimiter
from domain.errors import missing_driver
from domain.services.quotas import Quotas
from entrypoints.http.proxies import Proxies
from entrypoints.sections import QuotaSettings
from entrypoints.settings import Settings
from ports.ambient import Clock, Observer

if TYPE_CHECKING:  # its driver is not installed everywhere
    from adapters.redis.rate_limiter import RedisRateLimiter


class Limiting:
    """Who is counted, the quotas, and the Redis that instances count in, as one resource."""

    def __init__(self, settings: Settings, observer: Observer, clock: Clock) -> None:
        """Raises StartFailure."""
        chosen = settings.quotas
        self._shared = _shared(chosen)
        self.quotas = Quotas(chosen, MemoryRateLimiter(clock.monotonic), self._shared, observer, clock)
        self.proxies = Proxies([ipaddress.ip_network(network) for network in settings.server.trusted_proxies])

    async def open(self) -> None:
        """Nothing waits for a count."""
        if self._shared is not None:
            await self._shared.open()

    async def close(self) -> None:
        """Release the connections."""
        if self._shared is not None:
            await self._shared.close()


def _shared(chosen: QuotaSettings) -> RedisRateLimiter | None:
    if chosen.url is None:
        return None
    try:
        from adapters.redis.rate_limiter import RedisRateLimiter
    except ModuleNotFoundError as error:
        raise missing_driver("quotas.url", error, "redis") from error
    return RedisRateLimiter(chosen.url, chosen.password, ca_file=chosen.ca_file, call_seconds=chosen.call_seconds)

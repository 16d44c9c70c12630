"""Requests of a while in a Redis that instances share; nothing is lost with it but the count."""

from __future__ import annotations

import asyncio
import time

import redis.asyncio
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from adapters.redis.address import driver_options
from domain.errors import InvalidConfiguration, Unavailable
from domain.model.quotas import Allowance, Quota
from domain.model.secret import Secret

PREFIX = "persistence:quotas"


class RedisRateLimiter:
    """The library's moving window, with a deadline."""

    def __init__(
        self, url: Secret, password: Secret | None = None, *, ca_file: str = "", call_seconds: float = 0.025
    ) -> None:
        """``ca_file``: of the authority that is trusted; ``call_seconds``: for a count. Raises InvalidConfiguration."""
        given = driver_options(url, password, ca_file, "quotas.url")
        try:
            self._pool = redis.asyncio.ConnectionPool.from_url(url.reveal(), retry=Retry(NoBackoff(), 0), **given)
        except ValueError as error:
            raise InvalidConfiguration(f"quotas.url: {error}; one reads redis://host:6379/1.") from error
        storage = RedisStorage(
            f"async+{url.reveal()}",
            implementation="redispy",
            key_prefix=PREFIX,
            connection_pool=self._pool,  # type: ignore[arg-type]  # typed too narrowly
        )
        self._limiter = MovingWindowRateLimiter(storage)
        self._seconds = call_seconds

    async def open(self) -> None:
        """Nothing: a Redis that is away must not hold up a start."""

    async def close(self) -> None:
        """Release the connections."""
        await self._pool.aclose()

    async def hit(self, quota: Quota, who: str) -> Allowance:
        """As the port says."""
        item = RateLimitItemPerSecond(quota.limit, quota.seconds, namespace=quota.name)
        try:
            async with asyncio.timeout(self._seconds):
                counted = await self._limiter.hit(item, who)
                left = await self._limiter.get_window_stats(item, who)
        except (RedisError, OSError, TimeoutError) as error:
            what = str(error) or f"it did not answer within {self._seconds * 1000:g} ms"
            raise Unavailable(f"The Redis of the quotas cannot be used: {what}.") from error
        return Allowance(quota, max(0, left.remaining), max(0.0, left.reset_time - time.time()), not counted)

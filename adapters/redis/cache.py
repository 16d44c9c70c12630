"""A cache in a Redis of its own, which may evict, restart empty or stop: nothing is lost with it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from adapters.redis.address import driver_options
from domain.errors import InvalidConfiguration, Unavailable
from domain.model.records import HealthStatus
from domain.model.secret import Secret

PREFIX = "persistence:cache:"
MAX_BYTES = 1024 * 1024  # of a value
CONNECTIONS = 50
PROBE_SECONDS = 2.0


class RedisCache:
    """Values that expire. Deadlines are the caller's: a cancelled call costs its connection."""

    def __init__(self, url: Secret, password: Secret | None = None, *, ca_file: str = "") -> None:
        """``ca_file``: of the authority that is trusted. Raises InvalidConfiguration."""
        given = driver_options(url, password, ca_file, "cache.url")
        try:
            pool = redis.asyncio.BlockingConnectionPool.from_url(
                url.reveal(),
                socket_timeout=None,
                retry=Retry(NoBackoff(), 0),
                health_check_interval=0,
                max_connections=CONNECTIONS,
                timeout=None,  # for a free connection
                **given,
            )
        except ValueError as error:
            raise InvalidConfiguration(f"cache.url: {error}; one reads redis://host:6379/1.") from error
        self._client = redis.asyncio.Redis.from_pool(pool)

    async def open(self) -> None:
        """Nothing: a cache that is away must not hold up a start."""

    async def close(self) -> None:
        """Release the connections."""
        await self._client.aclose()

    async def get(self, key: str) -> bytes | None:
        """As the port says."""
        value: bytes | None = await self._ask("GET", PREFIX + key)
        return value

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """As the port says."""
        milliseconds = int(seconds * 1000)
        if milliseconds > 0 and len(value) <= MAX_BYTES:
            await self._ask("SET", PREFIX + key, value, "PX", milliseconds)

    async def health_check(self) -> HealthStatus:
        """As the port says."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                version = (await self._ask("INFO", "server"))["redis_version"]
            healthy, detail = True, f"Redis {version}"
        except TimeoutError:
            healthy, detail = False, f"Redis did not answer within {PROBE_SECONDS:g} s."
        except Unavailable as error:
            healthy, detail = False, error.detail
        return HealthStatus(healthy=healthy, detail=detail, latency_seconds=time.monotonic() - begun)

    async def _ask(self, *command: str | bytes | int) -> Any:  # Any: what Redis answers has no type
        try:
            return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise Unavailable(f"Redis cannot be used: {str(error).rstrip('.') or type(error).__name__}.") from error

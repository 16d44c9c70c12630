"""How answers are cached, by the configuration; none of it does I/O."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from adapters.memory.cache import MemoryCache
from domain.errors import missing_driver
from domain.model.collections import Collection
from domain.model.records import HealthStatus
from domain.services.caching import Caching, Level, Use
from domain.services.circuit import Circuit
from domain.services.registry import StorageBackendRegistry
from entrypoints.backends import Backends
from entrypoints.sections import CacheSettings
from entrypoints.settings import Settings
from entrypoints.version import VERSION
from ports.ambient import Clock, Observer
from ports.cache import Cache, Generations
from ports.resource import Resource

if TYPE_CHECKING:  # its driver is not installed everywhere
    from adapters.redis.cache import RedisCache


class OpenableGenerations(Generations, Resource, Protocol):
    """Generations that are asked over a network."""


class CachedReads:
    """Everything that a cache needs, as one resource."""

    def __init__(
        self, settings: Settings, backends: Backends, counted: Generations, observer: Observer, clock: Clock
    ) -> None:
        """``counted``: the generations of what is drained through this process. Raises StartFailure."""
        chosen = settings.cache
        self._redis = build_shared_cache(chosen)
        shared = _shared_generations(settings)
        self._resources: list[Resource] = [each for each in (self._redis, shared) if each is not None]
        circuit = partial(Circuit, seconds=chosen.call_seconds, observer=observer, clock=clock)

        def level(name: str, cache: Cache, seconds: float) -> Level:
            return Level(name, cache, circuit(name), partial(_seconds, settings, seconds))

        own = MemoryCache(chosen.max_records, chosen.max_bytes, clock.monotonic)
        levels = {Use.RECORDS: level("process", own, chosen.record_seconds)}
        if self._redis is not None:
            levels[Use.LISTS] = level("redis", self._redis, chosen.list_seconds)
        place = partial(_place, settings, backends.registry)
        self.caching = Caching(VERSION, place, shared or counted, circuit("generations"), observer, levels)

    async def open(self) -> None:
        """Nothing waits for a cache."""
        for resource in self._resources:
            await resource.open()

    async def close(self) -> None:
        """Drop what is on its way, and release the connections."""
        await self.caching.close()
        for resource in self._resources:
            await resource.close()

    async def health(self) -> HealthStatus | None:
        """How the cache of lists is; None where there is none."""
        return None if self._redis is None else await self._redis.health_check()


def _place(settings: Settings, registry: StorageBackendRegistry, collection: Collection) -> str | None:
    """Where a collection is kept; None where others may write there, of whose flushes nothing is known here."""
    backend = registry.routed(collection)
    if settings.shared_partitions:
        return backend.place
    return str(registry.generation) if backend.alone or settings.cache.alone else None


def _seconds(settings: Settings, otherwise: float, collection: str) -> float:
    chosen = settings.collection(collection).cache_seconds
    return otherwise if chosen is None else chosen


def build_shared_cache(chosen: CacheSettings) -> RedisCache | None:
    """The cache of lists; None where there is none. Raises StartFailure."""
    if chosen.url is None:
        return None
    try:
        from adapters.redis.cache import RedisCache
    except ModuleNotFoundError as error:
        raise missing_driver("cache.url", error, "redis") from error
    return RedisCache(chosen.url, chosen.password, ca_file=chosen.ca_file)


def _shared_generations(settings: Settings) -> OpenableGenerations | None:
    journal = settings.journal
    if not settings.shared_partitions or journal.url is None:
        return None
    try:
        from adapters.redis.generations import RedisGenerations
        from adapters.redis.server import RedisServer
    except ModuleNotFoundError as error:
        raise missing_driver("journal.type", error, "redis") from error
    server = RedisServer(journal.url, journal.password, ca_file=journal.ca_file, call_seconds=journal.call_seconds)
    return RedisGenerations(server, settings.shared_partitions)

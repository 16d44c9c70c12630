"""Metrics of what was answered without asking a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from domain.model.observations import CacheAsked, CacheFailed, CacheLost, CacheRegained

_LEVELS = ("process", "redis")
_OUTCOMES = ("hit", "miss", "bypass")


class CacheMetrics:
    """Adds its metrics to a registry; ``handlers`` says which observation each method takes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        lookups = Counter(
            "persistence_cache_lookups", "Answers looked up in a cache.", ("level", "outcome"), registry=registry
        )
        self._failures = Counter(
            "persistence_cache_failures",
            "Calls of a cache that failed; the store answered.",
            ("of",),
            registry=registry,
        )
        self._up = Gauge("persistence_cache_up", "0 while a cache does not answer.", ("of",), registry=registry)
        self._lookups = {(le, out): lookups.labels(le, out) for le in _LEVELS for out in _OUTCOMES}
        self.handlers: Mapping[type, Callable[[Any], None]] = {  # Any: each takes the type it stands behind
            CacheAsked: self._asked,
            CacheFailed: lambda failed: self._failures.labels(failed.what).inc(),
            CacheLost: lambda lost: self._up.labels(lost.what).set(0),
            CacheRegained: lambda found: self._up.labels(found.what).set(1),
        }
        for of in (*_LEVELS, "generations"):
            self._failures.labels(of)
            self._up.labels(of).set(1)

    def _asked(self, asked: CacheAsked) -> None:
        self._lookups[asked.level, asked.outcome].inc()

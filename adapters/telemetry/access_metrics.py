"""Metrics of who is let in, and how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from domain.model.observations import QuotasDegraded, QuotasShared, RequestsLimited

_QUOTAS = ("address", "key", "session")


class AccessMetrics:
    """Adds its metrics to a registry; ``handlers`` says which observation each method takes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        limited = Counter(
            "persistence_requests_limited", "Requests beyond their caller's quota.", ("quota",), registry=registry
        )
        by_quota = {quota: limited.labels(quota) for quota in _QUOTAS}
        degraded = Gauge(
            "persistence_ratelimit_degraded", "1 while instances cannot count requests together.", registry=registry
        )
        self.handlers: Mapping[type, Callable[[Any], None]] = {  # Any: each takes the type it stands behind
            RequestsLimited: lambda one: by_quota[one.quota].inc(),
            QuotasDegraded: lambda _: degraded.set(1),
            QuotasShared: lambda _: degraded.set(0),
        }

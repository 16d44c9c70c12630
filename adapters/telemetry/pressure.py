"""Metrics of what waits and what holds it up: backlog, flush pace, outages, requests that were turned away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from domain.model.observations import (
    BackendLost,
    BatchFlushed,
    BufferMeasured,
    FlushFailed,
    LaneMeasured,
    RequestServed,
    SearchIndexLost,
    SearchIndexRegained,
    SearchMeasured,
    UncleanStart,
)

_TURNED_AWAY = frozenset({429, 503})
_DECISIONS = (("grown", "fast"), ("shrunk", "slow"), ("kept", "steady"), ("kept", "bound"), ("kept", "retried"))
_TRIGGERS = ("size", "bytes", "age", "request")
_CAUSES = ("slow_down", "buffer_full", "journal_full")  # the ones that a dashboard wants to see at 0


class PressureMetrics:
    """Adds its metrics to a registry; ``handlers`` says which observation each method takes."""

    def __init__(self, registry: CollectorRegistry, nouns: Mapping[str, str]) -> None:
        """``nouns``: the label ``type`` by the name of a collection."""
        self._registry = registry
        self._nouns = nouns
        self._backends: dict[str, str] = {}  # of each noun, as measured last
        self._searched = set[str]()  # nouns that have an index
        self.handlers: Mapping[type, Callable[[Any], None]] = {
            RequestServed: self._request_served,
            BufferMeasured: self._buffer_measured,
            LaneMeasured: self._lane_measured,
            BatchFlushed: self._batch_flushed,
            FlushFailed: self._flush_failed,
            BackendLost: self._backend_lost,
            UncleanStart: self._unclean_start,
            SearchMeasured: self._search_measured,
            SearchIndexLost: lambda lost: self._search_reached(lost.collection, up=False),
            SearchIndexRegained: lambda found: self._search_reached(found.collection, up=True),
        }
        self._create_backlog()
        self._create_flush()
        self._begin_at_zero()

    def _create_backlog(self) -> None:
        gauge, counter = self._gauge, self._counter
        self._oldest = gauge("buffer_oldest_age_seconds", "For how long the oldest waiting record waits.", "type")
        self._weight = gauge("buffer_weight_bytes", "What the waiting records count for in the bound.", "type")
        self._bound = gauge("buffer_max_bytes", "The bound of all that waits (`buffer.max_bytes`).")
        self._refused = counter("requests_refused", "Requests turned away, by the code of the problem.", "cause")

        self._unindexed = gauge("search_lag_records", "Stored records that the search index lacks.", "type")
        self._complete = gauge("search_complete", "0 while the search index is filled, or must be.", "type")
        self._search_up = gauge("search_index_up", "0 while the search index cannot be written.", "type")

    def _create_flush(self) -> None:
        gauge, counter = self._gauge, self._counter
        self._paused = gauge("collection_paused", "1 while a structural fault waits for an operator.", "type")
        self._batch = gauge("flush_batch_records", "The adaptive size trigger.", "type")
        self._decisions = counter(
            "flush_batch_decisions", "What each batch made of the size trigger, and why.", "type", "decision", "cause"
        )
        self._triggers = counter("flush_triggers", "What made each batch due.", "type", "trigger")
        self._retries = counter("flush_retries", "Failed tries of a batch, by the code of the error.", "type", "error")
        self._lost = gauge("backend_breaker_open", "1 while nothing but a probe goes to the backend.", "backend")
        self._unclean = counter("unclean_starts", "1 where the run before this one did not end by itself.")
        self._losses = counter("backend_breaker_opened", "Times a backend's breaker opened.", "backend")

    def _begin_at_zero(self) -> None:
        for noun in self._nouns.values():
            for family in (self._oldest, self._weight, self._paused):
                family.labels(noun).set(0)
            for decision in _DECISIONS:
                self._decisions.labels(noun, *decision)
            for trigger in _TRIGGERS:
                self._triggers.labels(noun, trigger)
        for cause in _CAUSES:
            self._refused.labels(cause)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"persistence_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"persistence_{name}", text, labels, registry=self._registry)

    def _request_served(self, served: RequestServed) -> None:
        if served.status in _TURNED_AWAY and served.error is not None:
            self._refused.labels(served.error).inc()

    def _buffer_measured(self, measured: BufferMeasured) -> None:
        self._oldest.labels(measured.noun).set(measured.oldest_seconds)
        self._weight.labels(measured.noun).set(measured.weight)
        self._bound.set(measured.bound)

    def _lane_measured(self, measured: LaneMeasured) -> None:
        self._paused.labels(measured.noun).set(measured.paused)
        self._batch.labels(measured.noun).set(measured.batch_records)
        former = self._backends.get(measured.noun, measured.backend)
        self._backends[measured.noun] = measured.backend
        if former not in self._backends.values():
            self._lost.remove(former)
        self._lost.labels(measured.backend).set(measured.lost)
        self._losses.labels(measured.backend)

    def _batch_flushed(self, flushed: BatchFlushed) -> None:
        self._batch.labels(flushed.noun).set(flushed.batch_size)
        self._decisions.labels(flushed.noun, flushed.adapted, flushed.cause).inc()
        self._triggers.labels(flushed.noun, flushed.trigger).inc()

    def _flush_failed(self, failed: FlushFailed) -> None:
        self._retries.labels(self._noun(failed.collection), failed.error).inc()

    def _backend_lost(self, lost: BackendLost) -> None:
        self._losses.labels(lost.backend).inc()

    def _unclean_start(self, _: UncleanStart) -> None:
        self._unclean.inc()

    def _search_measured(self, measured: SearchMeasured) -> None:
        noun = self._noun(measured.collection)
        self._unindexed.labels(noun).set(measured.records)
        self._complete.labels(noun).set(measured.complete)
        if noun not in self._searched:
            self._search_reached(measured.collection, up=True)

    def _search_reached(self, collection: str, *, up: bool) -> None:
        noun = self._noun(collection)
        self._searched.add(noun)
        self._search_up.labels(noun).set(up)

    def _noun(self, collection: str) -> str:
        return self._nouns.get(collection, "other")

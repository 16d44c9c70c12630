"""Prometheus metrics by the founding names; labels are bounded by construction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_open_metrics

from adapters.telemetry.access_metrics import AccessMetrics
from adapters.telemetry.cache_metrics import CacheMetrics
from adapters.telemetry.pressure import PressureMetrics
from domain.model.collections import Collection, FieldType
from domain.model.observations import (
    BatchFlushed,
    BufferMeasured,
    DeadLettersMeasured,
    DecryptionRefused,
    FlushFailed,
    FrameQuarantined,
    ObjectStoreLost,
    ObjectStoreRegained,
    Observation,
    OrphansCollected,
    RecordDeadLettered,
    RecordsDiscarded,
    RecordsExpired,
    RecordsRewrapped,
    RequestServed,
    SpansDropped,
    StorageOperated,
    WorkerEnded,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The observer that counts. Each instance has a registry of its own.

    Label children are bound once and kept in dictionaries: looking them up in the library costs more than counting.
    """

    def __init__(self, collections: Sequence[Collection]) -> None:
        # The library leaves this switch untyped; the `_created` series would double the page.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._nouns = {c.name: c.noun for c in collections}
        self._requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._operations: dict[tuple[str, str], tuple[Counter, Histogram, Counter]] = {}
        self._create_intake()
        self._create_storage()
        self._records = {c.noun: self._records_by_status(c) for c in collections if "status" in c.by_name}
        self._handlers: dict[type, Callable[[Any], None]] = {  # each takes the type it stands behind
            RequestServed: self._request_served,
            BufferMeasured: self._buffer_measured,
            BatchFlushed: self._batch_flushed,
            FlushFailed: self._flush_failed,
            StorageOperated: self._storage_operated,
            RecordDeadLettered: self._record_dead_lettered,
            DeadLettersMeasured: self._dead_letters_measured,
            RecordsDiscarded: self._records_discarded,
            FrameQuarantined: self._frame_quarantined,
            WorkerEnded: self._worker_ended,
            ObjectStoreLost: lambda _: self._object_store.set(0),
            ObjectStoreRegained: lambda _: self._object_store.set(1),
            RecordsExpired: lambda gone: self._expired.labels(self._noun(gone.collection)).inc(gone.records),
            DecryptionRefused: lambda refused: self._unreadable.labels(refused.noun).inc(),
            RecordsRewrapped: lambda done: self._rewrapped.labels(done.noun).inc(done.records),
            OrphansCollected: lambda swept: self._orphans.inc(swept.removed),
            SpansDropped: lambda dropped: self._spans_dropped.inc(dropped.count),
        }
        self._pressure = PressureMetrics(self.registry, self._nouns).handlers
        self._caches = CacheMetrics(self.registry).handlers
        self._access = AccessMetrics(self.registry).handlers
        ProcessCollector(registry=self.registry)

    def __call__(self, observation: Observation) -> None:
        """Count what is counted of it."""
        for handlers in (self._handlers, self._pressure, self._caches, self._access):
            handler = handlers.get(type(observation))
            if handler is not None:
                handler(observation)

    def render(self, *, open_metrics: bool = False) -> bytes:
        """The page for a scrape in Prometheus' text format, or in that of OpenMetrics, which has trace ids."""
        if open_metrics:
            # The library leaves it untyped.
            return bytes(generate_open_metrics(self.registry))  # type: ignore[no-untyped-call]
        return generate_latest(self.registry)

    def _create_intake(self) -> None:
        counter, gauge = self._counter, self._gauge
        self._api_requests = counter("api_requests", "HTTP requests answered.", "endpoint", "method", "status")
        self._api_duration = self._histogram("api_duration", "Seconds to answer a request.", "endpoint", "method")
        self._buffer_size = gauge("buffer_size", "Acknowledged records that wait for their backend.", "type")
        self._buffer_bytes = gauge("buffer_bytes", "Payload bytes of the waiting records.", "type")
        self._data_loss = counter("data_loss", "Acknowledged records lost; only `on_failure = discard` can do it.")
        self._spans_dropped = counter("spans_dropped", "Spans that the collector of traces never gets.")
        self._quarantined = counter("frames_quarantined", "Damaged journal frames set aside.")
        for noun in self._nouns.values():
            self._buffer_size.labels(noun).set(0)
            self._buffer_bytes.labels(noun).set(0)

    def _create_storage(self) -> None:
        counter = self._counter
        self._flushes = counter("flush", "Batches applied to a backend.", "type")
        self._flush_failures = counter("flush_failures", "Attempts to apply a batch that failed; it is kept.", "type")
        self._flush_duration = self._histogram("flush_duration", "Seconds to apply a batch.", "type")
        self._storage_operations = counter("storage_operations", "Operations of a backend.", "backend", "operation")
        self._storage_errors = counter("storage_errors", "Failed operations of a backend.", "backend", "operation")
        self._storage_duration = self._histogram("storage_duration", "Seconds of an operation.", "backend", "operation")
        self._worker_restarts = counter("worker_restarts", "Times the worker process ended and was started again.")
        self._dead_lettered = counter("dead_lettered", "Records put into the dead letters.", "type")
        self._dead_letters = self._gauge("dead_letters", "Records in the dead letters.", "type")
        self._letters_full = self._gauge("dead_letters_full", "1 while collections wait for room in the dead letters.")
        self._expired = counter("records_expired", "Records removed because they were kept long enough.", "type")
        self._object_store = self._gauge("object_store_up", "1 while the content of files can be stored.")
        self._object_store.set(1)  # of a store that is there from the start, nobody is told
        self._orphans = counter("orphans_collected", "Objects removed because no file names them.")
        self._rewrapped = counter("records_rewrapped", "Stored records that were encrypted anew.", "type")
        self._unreadable = counter("decryption_failures", "Encrypted values that could not be read.", "type")
        for noun in self._nouns.values():
            self._dead_letters.labels(noun).set(0)
            self._unreadable.labels(noun)
            self._rewrapped.labels(noun)
            for family in (self._flushes, self._flush_failures, self._dead_lettered):
                family.labels(noun)

    def _records_by_status(self, collection: Collection) -> Counter:
        family = self._counter(f"{collection.noun}s", f"Applied writes of a {collection.noun}.", "status")
        status = collection.by_name["status"]
        if status.type is FieldType.CHOICE:
            for choice in status.choices:
                family.labels(choice)
        return family

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"persistence_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"persistence_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"persistence_{name}_seconds", text, labels, registry=self.registry, buckets=_SECONDS)

    def _request_served(self, served: RequestServed) -> None:
        place = (served.endpoint, served.method, served.status)
        children = self._requests.get(place)
        if children is None:
            children = self._requests[place] = self._bind_request(served)
        children[0].inc()
        trace = served.trace
        children[1].observe(served.seconds, {"trace_id": trace.trace_id} if trace and trace.sampled else None)

    def _bind_request(self, served: RequestServed) -> tuple[Counter, Histogram]:
        method = served.method if served.method in METHODS else "other"
        requests = self._api_requests.labels(served.endpoint, method, str(served.status))
        return requests, self._api_duration.labels(served.endpoint, method)

    def _storage_operated(self, operated: StorageOperated) -> None:
        place = (operated.backend, operated.operation)
        children = self._operations.get(place)
        if children is None:
            children = self._operations[place] = (
                self._storage_operations.labels(*place),
                self._storage_duration.labels(*place),
                self._storage_errors.labels(*place),
            )
        operations, duration, errors = children
        operations.inc()
        duration.observe(operated.seconds)
        if operated.error is not None:
            errors.inc()

    def _buffer_measured(self, measured: BufferMeasured) -> None:
        self._buffer_size.labels(measured.noun).set(measured.records)
        self._buffer_bytes.labels(measured.noun).set(measured.payload_bytes)

    def _batch_flushed(self, flushed: BatchFlushed) -> None:
        self._flushes.labels(flushed.noun).inc()
        self._flush_duration.labels(flushed.noun).observe(flushed.seconds)
        records = self._records.get(flushed.noun)
        if records is not None:
            for status, count in flushed.statuses:
                records.labels(status).inc(count)

    def _flush_failed(self, failed: FlushFailed) -> None:
        self._flush_failures.labels(self._noun(failed.collection)).inc()

    def _record_dead_lettered(self, letter: RecordDeadLettered) -> None:
        self._dead_lettered.labels(self._noun(letter.collection)).inc()

    def _dead_letters_measured(self, measured: DeadLettersMeasured) -> None:
        self._dead_letters.labels(self._noun(measured.collection)).set(measured.records)
        self._letters_full.set(measured.full)

    def _records_discarded(self, discarded: RecordsDiscarded) -> None:
        self._data_loss.inc(discarded.count)

    def _frame_quarantined(self, _: FrameQuarantined) -> None:
        self._quarantined.inc()

    def _worker_ended(self, _: WorkerEnded) -> None:
        self._worker_restarts.inc()

    def _noun(self, collection: str) -> str:
        return self._nouns.get(collection, "other")

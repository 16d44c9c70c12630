"""Requests, appends, flushes and the statements of backends as spans, with what went wrong on the way as events."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind

from adapters.tracing.outbox import Outbox
from adapters.tracing.spans import Attributes, Spans, Work
from domain.model.observations import (
    BatchFlushed,
    FlushFailed,
    Observation,
    RecordDeadLettered,
    RecordsAccepted,
    RequestServed,
    SpansDropped,
    StorageOperated,
    TracesLost,
    WritesConflicted,
)
from domain.model.records import HealthStatus
from domain.model.tracing import CURRENT, Trace
from ports.ambient import Clock, Observer

STOP_SECONDS = 2.0  # for what waits at the end
_QUIET_SECONDS = 60.0  # between two lines of the log
_MOST_EVENTS = 64  # of a span: the last ones
_MOST_OPEN = 1024  # spans with events that have not ended: more than lanes that a process drains
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_SERVER_ERROR = 500
_SCOPE = "persistence"  # what makes the spans, beside libraries that may make others
_SYSTEMS = {"postgres": "postgresql"}  # by the type of a backend, where OpenTelemetry calls it otherwise


class Tracer:
    """The observer that traces. Attributes have counts, names and codes: never texts of errors or of records."""

    def __init__(self, exporter: SpanExporter, resource: Resource, observer: Observer, clock: Clock) -> None:
        """``observer``: told of what is lost."""
        self._outbox = Outbox(exporter, self._lost)
        scope = InstrumentationScope(_SCOPE, str(resource.attributes.get("service.version", "")))
        self._spans = Spans(self._outbox, resource, scope, clock)
        self._observer = observer
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._events: OrderedDict[str, deque[Event]] = OrderedDict()  # of spans that have not ended, by their ids
        self._silent = 0  # spans that were lost since the log was told
        self._said_at: float | None = None
        self._handlers: dict[type, Callable[[Any, Trace], None]] = {  # each takes the type it stands behind
            RequestServed: self._request_served,
            RecordsAccepted: self._records_accepted,
            StorageOperated: self._storage_operated,
            BatchFlushed: self._batch_flushed,
            FlushFailed: self._flush_failed,
            RecordDeadLettered: self._record_dead_lettered,
            WritesConflicted: self._writes_conflicted,
        }

    async def open(self) -> None:
        """Send from here on."""
        self._loop = asyncio.get_running_loop()
        self._outbox.start()

    async def close(self) -> None:
        """Send what waits, for two seconds at most."""
        if self._loop is None:
            return
        await asyncio.to_thread(self._outbox.stop, STOP_SECONDS)
        await asyncio.sleep(0)  # what the other thread has just told is heard
        self._loop = None

    async def health_check(self) -> HealthStatus:
        """Whether the collector takes spans."""
        begun = self._clock.monotonic()
        trouble = await asyncio.to_thread(self._outbox.probe)
        taken = self._clock.monotonic() - begun
        return HealthStatus(healthy=trouble is None, detail=trouble or "the collector answers", latency_seconds=taken)

    def __call__(self, observation: Observation) -> None:
        """Make a span of it, or an event of the span that the running task works for."""
        handler = self._handlers.get(type(observation))
        if handler is not None and observation.trace is not None:
            handler(observation, observation.trace)

    def _request_served(self, served: RequestServed, trace: Trace) -> None:
        if not trace.sampled:
            return
        method = served.method if served.method in _METHODS else "_OTHER"
        attributes: dict[str, str | int | float] = {
            "http.request.method": method,
            "http.route": served.endpoint,
            "http.response.status_code": served.status,
            "persistence.request_id": served.request_id,
        }
        if served.error is not None:
            attributes["error.type"] = served.error
        name = f"{'HTTP' if method == '_OTHER' else method} {served.endpoint}"
        failed = served.status >= _SERVER_ERROR
        self._spans.own(trace, Work(name, served.seconds, attributes, SpanKind.SERVER, failed=failed))

    def _records_accepted(self, taken: RecordsAccepted, trace: Trace) -> None:
        if not trace.sampled:
            return
        attributes: Attributes = {
            "persistence.collection": taken.collection,
            f"{taken.noun}_count": taken.count,
            "persistence.payload_bytes": taken.payload_bytes,
        }
        self._spans.below(trace, Work(f"buffer_append_{taken.noun}s", taken.seconds, attributes))

    def _storage_operated(self, operated: StorageOperated, trace: Trace) -> None:
        if not trace.sampled:
            return
        attributes: dict[str, str | int | float] = {
            "db.system.name": _SYSTEMS.get(operated.backend, operated.backend),
            "db.operation.name": operated.operation,
        }
        if operated.collection is not None:
            attributes["db.collection.name"] = operated.collection
        if operated.error is not None:
            attributes["error.type"] = operated.error
        name = " ".join(filter(None, (operated.operation, operated.collection)))
        failed = operated.error is not None
        self._spans.below(trace, Work(name, operated.seconds, attributes, SpanKind.CLIENT, failed=failed))

    def _batch_flushed(self, flushed: BatchFlushed, trace: Trace) -> None:
        events = self._events.pop(trace.span_id, ())
        if not trace.sampled:
            return
        attributes: Attributes = {
            "persistence.collection": flushed.collection,
            f"{flushed.noun}_count": flushed.records,
            "buffer_size": flushed.waiting,
            "persistence.request_count": flushed.requests,
            "persistence.trigger": flushed.trigger,
        }
        links = [link for text in flushed.links if (link := Trace.parsed(text)) is not None]
        name = f"batch_persist_{flushed.noun}s"
        self._spans.own(trace, Work(name, flushed.tried_seconds, attributes, links=links, events=list(events)))

    def _flush_failed(self, failed: FlushFailed, _: Trace) -> None:
        self._happened("flush_failed", {"error.type": failed.error, "persistence.attempt": failed.attempt})

    def _record_dead_lettered(self, letter: RecordDeadLettered, _: Trace) -> None:
        self._happened("record_dead_lettered", {"error.type": letter.error})

    def _writes_conflicted(self, refused: WritesConflicted, _: Trace) -> None:
        self._happened("writes_conflicted", {"persistence.count": refused.count})

    def _happened(self, name: str, attributes: Attributes) -> None:
        current = CURRENT.get()
        if current is None or not current.sampled:
            return
        events = self._events.setdefault(current.span_id, deque(maxlen=_MOST_EVENTS))
        events.append(Event(name, attributes, self._spans.now()))
        if len(self._events) > _MOST_OPEN:
            self._events.popitem(last=False)

    def _lost(self, count: int, detail: str) -> None:
        """From any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(partial(self._report, count, detail))

    def _report(self, count: int, detail: str) -> None:
        self._observer(SpansDropped(count=count))
        self._silent += count
        now = self._clock.monotonic()
        if self._said_at is None or now - self._said_at >= _QUIET_SECONDS:
            self._observer(TracesLost(spans=self._silent, detail=detail))
            self._said_at, self._silent = now, 0

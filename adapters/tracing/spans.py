"""Makes finished spans of what has been observed: with ids that were given before, and times that are over."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import trace as api
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from domain.model.tracing import Trace
from ports.ambient import Clock

Attributes = Mapping[str, str | int | float]
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_LIMITS = SpanLimits(
    max_attributes=64,
    max_events=64,
    max_links=128,
    max_span_attributes=64,
    max_event_attributes=16,
    max_link_attributes=4,
    max_attribute_length=512,
    max_span_attribute_length=512,
)
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """What has ended just now."""

    name: str
    seconds: float  # that it took
    attributes: Attributes
    kind: SpanKind = SpanKind.INTERNAL
    links: Sequence[Trace] = ()
    events: Sequence[Event] = ()
    failed: bool = False


class Spans:
    """Only what is sampled comes here: whether, was decided where the trace began."""

    def __init__(self, processor: SpanProcessor, resource: Resource, scope: tuple[str, str], clock: Clock) -> None:
        """``scope``: name and version of what makes the spans."""
        self._ids = _GivenIds()
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=_LIMITS,
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer(*scope)
        self._clock = clock

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return int(self._clock.now().timestamp() * _NANOSECONDS)

    def own(self, trace: Trace, work: Work) -> None:
        """The span that others name already: of a request, of a flush."""
        self._ids.trace_id, self._ids.span_id = int(trace.trace_id, 16), int(trace.span_id, 16)
        self._make(
            _context(trace.trace_id, trace.parent_id, trace.state, remote=True) if trace.parent_id else None, work
        )

    def below(self, above: Trace, work: Work) -> None:
        """A span within another one of this process, which nothing else names."""
        self._ids.span_id = int.from_bytes(os.urandom(8), "big") or 1
        self._make(_context(above.trace_id, above.span_id, above.state, remote=False), work)

    def _make(self, parent: SpanContext | None, work: Work) -> None:
        end = self.now()
        above = api.set_span_in_context(NonRecordingSpan(parent or api.INVALID_SPAN_CONTEXT))
        links = [Link(_context(link.trace_id, link.span_id, remote=True)) for link in work.links]
        begin = end - int(work.seconds * _NANOSECONDS)
        span = self._tracer.start_span(work.name, above, work.kind, work.attributes, links, begin)
        for event in work.events:
            span.add_event(event.name, event.attributes, event.timestamp)
        if work.failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)


class _GivenIds(IdGenerator):
    """The library asks for ids, of which only it knows when: those of the next span are laid out before."""

    def __init__(self) -> None:
        self.trace_id = self.span_id = 1

    def generate_trace_id(self) -> int:
        """Of a span without a parent."""
        return self.trace_id

    def generate_span_id(self) -> int:
        """Of every span."""
        return self.span_id


def _context(trace_id: str, span_id: str, state: str = "", *, remote: bool) -> SpanContext:
    kept = TraceState.from_header([state]) if state else None
    return SpanContext(int(trace_id, 16), int(span_id, 16), remote, _SAMPLED, kept)

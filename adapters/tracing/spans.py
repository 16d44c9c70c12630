"""Makes finished spans of what has been observed: with ids that were given before, and times that are over."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from domain.model.tracing import Trace
from ports.ambient import Clock

Attributes = Mapping[str, str | int | float]
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_WELL, _FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)
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
    """Only what is sampled comes here: whether, was decided where the trace began.

    The library's own way, a tracer that begins a span and ends it, takes five times as long, and has no place for an id
    that others know already.
    """

    def __init__(self, processor: SpanProcessor, resource: Resource, scope: InstrumentationScope, clock: Clock) -> None:
        """``scope``: what makes the spans."""
        self._processor = processor
        self._resource = resource
        self._scope = scope
        self._clock = clock

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return int(self._clock.now().timestamp() * _NANOSECONDS)

    def own(self, trace: Trace, work: Work) -> None:
        """The span that others name already: of a request, of a flush."""
        state = TraceState.from_header([trace.state]) if trace.state else None
        above = _context(trace.trace_id, trace.parent_id, state, remote=True) if trace.parent_id else None
        self._make(_context(trace.trace_id, trace.span_id, state), above, work)

    def below(self, above: Trace, work: Work) -> None:
        """A span within another one of this process, which nothing else names."""
        parent = _context(above.trace_id, above.span_id)
        own = SpanContext(parent.trace_id, int.from_bytes(os.urandom(8), "big") or 1, False, _SAMPLED)
        self._make(own, parent, work)

    def _make(self, own: SpanContext, parent: SpanContext | None, work: Work) -> None:
        end = self.now()
        self._processor.on_end(
            ReadableSpan(
                work.name,
                own,
                parent,
                self._resource,
                work.attributes,
                work.events,
                [Link(_context(link.trace_id, link.span_id, remote=True)) for link in work.links],
                work.kind,
                status=_FAILED if work.failed else _WELL,
                start_time=end - int(work.seconds * _NANOSECONDS),
                end_time=end,
                instrumentation_scope=self._scope,
            )
        )


def _context(trace_id: str, span_id: str, state: TraceState | None = None, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), remote, _SAMPLED, state)

"""W3C trace context (https://www.w3.org/TR/trace-context/): in which request, or which flush, something is done."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Self

import msgspec

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Trace(msgspec.Struct, frozen=True):
    """A span of a trace."""

    trace_id: str  # 32 hex digits
    span_id: str  # 16 hex digits
    sampled: bool = False
    parent_id: str = ""  # 16 hex digits: the caller's span, if it named one
    state: str = ""  # what other tracing systems keep beside it (tracestate)

    @property
    def traceparent(self) -> str:
        """The header's text."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    @classmethod
    def parsed(cls, traceparent: str | None) -> Self | None:
        """The span that a header names; None where it names none."""
        match = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
        if match is None or (match[1] == "00" and match[5]):
            return None
        return cls(match[2], match[3], bool(int(match[4], 16) & 1))


CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)  # what the running task works for

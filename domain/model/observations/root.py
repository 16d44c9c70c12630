"""What every observation carries."""

from __future__ import annotations

import msgspec


class Trace(msgspec.Struct, frozen=True):
    """W3C trace context of the request that caused an observation."""

    trace_id: str  # 32 hex digits
    span_id: str  # 16 hex digits
    sampled: bool = False

    @property
    def traceparent(self) -> str:
        """The header's text (https://www.w3.org/TR/trace-context/)."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What every observation carries."""

    trace: Trace | None = None

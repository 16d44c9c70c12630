"""Where a request comes from, as far as the services care."""

from __future__ import annotations

import msgspec

from domain.model.idempotency import KeyedPart
from domain.model.tracing import Trace


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked, in which trace, and under which key."""

    principal: str | None = None
    peer: str | None = None  # network address
    trace: Trace | None = None
    part: KeyedPart | None = None  # where the request has an idempotency key

    @property
    def sender(self) -> str:
        """Who counts as one client: the principal, else the address; empty for the service itself."""
        return self.principal or self.peer or ""

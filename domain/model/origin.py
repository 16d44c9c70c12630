"""Where a request comes from, as far as the services care."""

from __future__ import annotations

import msgspec

from domain.model.observations import Trace


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked, and in which trace."""

    principal: str | None = None
    trace: Trace | None = None

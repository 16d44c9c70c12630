"""What every observation carries."""

from __future__ import annotations

import msgspec

from domain.model.tracing import Trace


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What every observation carries."""

    trace: Trace | None = None  # of the request or flush that caused it

"""How a lane of the pending log fares."""

from __future__ import annotations

import msgspec


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """How a collection's drain fares."""

    batch_records: int  # the adaptive size trigger
    attempt: int  # failed tries of the batch in hand; 0 when all is well
    paused: bool  # a structural fault waits for an operator
    lost: bool = False  # only a probe goes to the backend: its circuit breaker is open, or no worker is there
    last_error: str | None  # of the batch in hand, or of the probe

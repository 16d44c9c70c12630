"""How fast a lane is flushed: the adaptive size trigger, and the wait before a retry."""

from __future__ import annotations

import random

from domain.errors import BackendContended, BackendCorrupt, BackendExhausted, SchemaMismatch
from domain.model.policies import BufferPolicy

_STEP = 100  # records the trigger moves by
_WEIGHT = 0.3  # of the newest flush in the moving average
_STRUCTURAL_PAUSE = 30.0  # seconds between looks at a paused collection


class SizeTrigger:
    """Records that make a batch: shrinks while flushes are slow, grows while they are fast."""

    def __init__(self, policy: BufferPolicy) -> None:
        self._policy = policy
        self._average: float | None = None
        self.records = policy.batch_records

    def learn(self, seconds: float) -> None:
        """Take a successful flush into account; failed ones never move the trigger."""
        before = seconds if self._average is None else self._average
        self._average = before + _WEIGHT * (seconds - before)
        if self._average > self._policy.slow_flush_seconds:
            self.records = max(self._policy.batch_records_min, self.records - _STEP)
        elif self._average < self._policy.fast_flush_seconds:
            self.records = min(self._policy.batch_records_max, self.records + _STEP)


def is_structural(error: Exception) -> bool:
    """Whether only an operator can mend it: the collection pauses."""
    return isinstance(error, SchemaMismatch | BackendCorrupt)


def delay(error: Exception, attempt: int) -> float:
    """Seconds before try ``attempt`` + 1: full jitter, capped by the kind of error; never gives up."""
    if is_structural(error):
        return _STRUCTURAL_PAUSE
    if isinstance(error, BackendContended):
        return random.uniform(0.005, 0.2)  # noqa: S311  (jitter, not a secret)
    floor, cap = (5.0, 60.0) if isinstance(error, BackendExhausted) else (0.05, 5.0)
    return floor + random.uniform(0, min(cap, 0.05 * 2 ** min(attempt, 12)))  # noqa: S311

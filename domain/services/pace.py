"""How fast a lane is flushed: the adaptive size trigger, and the wait before a retry."""

from __future__ import annotations

import random
from typing import NamedTuple

from domain.errors import (
    AbilityMissing,
    BackendContended,
    BackendCorrupt,
    BackendError,
    BackendExhausted,
    DeadLettersFull,
    SchemaMismatch,
)
from domain.model.policies import BufferPolicy

_STEP = 100  # records the trigger moves by
_WEIGHT = 0.3  # of the newest flush in the moving average
_LOCK_TRIES = 10  # of a batch, before it is made smaller
_STRUCTURAL_PAUSE = 30.0  # seconds between looks at a paused collection


class Decision(NamedTuple):
    """What a flush made of the size trigger, and why."""

    adapted: str  # grown, shrunk, kept
    cause: str  # fast, slow; where it is kept: steady, bound (it is at its limit), retried


FROZEN = Decision("kept", "retried")  # the batch met an outage: its time says nothing


class SizeTrigger:
    """Records that make a batch: shrinks while flushes are slow, grows while they are fast."""

    def __init__(self, policy: BufferPolicy) -> None:
        self._policy = policy
        self._average: float | None = None
        self.records = policy.batch_records

    def learn(self, seconds: float) -> Decision:
        """Take a flush into account that went well at its first try; others never move the trigger."""
        before = seconds if self._average is None else self._average
        self._average = before + _WEIGHT * (seconds - before)
        former = self.records
        if self._average > self._policy.slow_flush_seconds:
            self.records = max(self._policy.batch_records_min, former - _STEP)
            return Decision("shrunk", "slow") if self.records < former else Decision("kept", "bound")
        if self._average < self._policy.fast_flush_seconds:
            self.records = min(self._policy.batch_records_max, former + _STEP)
            return Decision("grown", "fast") if self.records > former else Decision("kept", "bound")
        return Decision("kept", "steady")


def is_structural(error: Exception) -> bool:
    """Whether only an operator can mend it: the collection pauses. So it does where nobody knows what to make of it."""
    return isinstance(error, SchemaMismatch | BackendCorrupt | DeadLettersFull | AbilityMissing) or is_unknown(error)


def is_unknown(error: Exception) -> bool:
    """Whether the backend said something that no table of errors has: it may be about anything."""
    return type(error) is BackendError


def is_stuck(error: Exception, attempt: int) -> bool:
    """Whether locks have stood in the way of a batch for so often that a smaller one may get through."""
    return isinstance(error, BackendContended) and attempt % _LOCK_TRIES == 0


def delay(error: Exception, attempt: int) -> float:
    """Seconds before try ``attempt`` + 1: full jitter, capped by the kind of error; never gives up."""
    if is_structural(error):
        return _STRUCTURAL_PAUSE
    if isinstance(error, BackendContended):
        return random.uniform(0.005, 0.2)  # noqa: S311  (jitter, not a secret)
    floor, cap = (5.0, 60.0) if isinstance(error, BackendExhausted) else (0.05, 2.0)  # an outage has its breaker, too
    return floor + random.uniform(0, min(cap, 0.05 * 2 ** min(attempt, 12)))  # noqa: S311

"""Clock, ids, the observer and the audit trail: what a pure service may not take from the air."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from domain.model.observations import Observation
from domain.model.tracing import Trace


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Aware UTC wall-clock time; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations and deadlines."""
        ...


class Ids(Protocol):
    """Fresh identifiers."""

    def request_id(self) -> str:
        """A unique, sortable id of a request."""
        ...

    def secret(self, size: int) -> bytes:
        """Random bytes that nobody can guess."""
        ...

    def trace(self) -> Trace:
        """The first span of a new trace, and whether it is sampled."""
        ...


class Observer(Protocol):
    """Receives every observation; logging, metrics and tracing are adapters of it."""

    def __call__(self, observation: Observation) -> None:
        """Take note. Never raises, never blocks."""
        ...


class AuditTrail(Protocol):
    """Keeps what administrators do; where it cannot, they do nothing."""

    @property
    def is_kept(self) -> bool:
        """False from a line that could not be written until one was."""
        ...

    def __call__(self, observation: Observation) -> None:
        """Write it. Raises OSError, or ValueError where what it would be written to is closed."""
        ...

"""One observer in front of several, which says in which trace it is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from domain.model.observations import Observation
from domain.model.tracing import CURRENT
from ports.ambient import Observer

_UNHARMED = contextlib.suppress(Exception)  # a full disk under the log or a closed pipe never turns into a lost request


class FanOut:
    """Hands every observation to each observer; a failing one harms neither the others nor the caller."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def __call__(self, observation: Observation) -> None:
        """Tell them all; what names no trace belongs to the one that the running task works for."""
        if observation.trace is None and (trace := CURRENT.get()) is not None:
            observation = msgspec.structs.replace(observation, trace=trace)
        for observer in self._observers:
            with _UNHARMED:
                observer(observation)

"""One observer in front of several."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from domain.model.observations import Observation
from ports.ambient import Observer


class FanOut:
    """Hands every observation to each observer; a failing one harms neither the others nor the caller."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def __call__(self, observation: Observation) -> None:
        """Tell them all."""
        for observer in self._observers:
            # A full disk under the log or a closed pipe must never turn into a lost request.
            with contextlib.suppress(Exception):
                observer(observation)

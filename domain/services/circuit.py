"""Spares requests the wait for something that they can do without."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.errors import PersistenceError, Unavailable
from domain.model.observations import CacheFailed, CacheLost, CacheRegained
from ports.ambient import Clock, Observer

T = TypeVar("T")
REST_SECONDS = 1.0


class Circuit:
    """Calls with a deadline. Behind a failed one, nobody calls for a while; then one call is tried."""

    def __init__(self, what: str, seconds: float, observer: Observer, clock: Clock) -> None:
        """``what`` is called, for reports; ``seconds``: the deadline of a call."""
        self.trouble: str | None = None  # while it is open: the last failure in one sentence
        self._what = what
        self._seconds = seconds
        self._observer = observer
        self._clock = clock
        self._next_try = 0.0

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` answers in time. Raises Unavailable."""
        if self.trouble is not None:
            if self._clock.monotonic() < self._next_try:
                raise Unavailable(self.trouble)
            self._rest()  # the others do not try it meanwhile
        try:
            async with asyncio.timeout(self._seconds):
                answer = await work()
        except Exception as error:  # whatever it is, the store is there to answer
            raise Unavailable(self._open(error)) from error
        self._close()
        return answer

    def _rest(self) -> None:
        self._next_try = self._clock.monotonic() + REST_SECONDS

    def _open(self, error: Exception) -> str:
        is_news, trouble = self.trouble is None, self._meaning(error)
        self.trouble = trouble
        self._rest()
        self._observer(CacheFailed(what=self._what, detail=trouble))
        if is_news:
            self._observer(CacheLost(what=self._what, detail=trouble))
        return trouble

    def _meaning(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"It did not answer within {self._seconds * 1000:g} ms."
        return error.detail if isinstance(error, PersistenceError) else f"{type(error).__name__}: {error}"

    def _close(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            self._observer(CacheRegained(what=self._what))

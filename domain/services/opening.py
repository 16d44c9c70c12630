"""A backend whose server was away at the start is opened as soon as somebody needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from domain.errors import SchemaMismatch, StartFailure
from domain.services.ending import ended


class Openable(Protocol):
    """What is to be opened."""

    def open(self) -> Coroutine[Any, Any, None]:
        """Raises BackendUnavailable where it may succeed later, StartFailure where something must be mended first."""
        ...


Opened = Callable[[], Awaitable[None]]


class LateOpening:
    """All who need the backend share one attempt, which outlives those who give up waiting for it."""

    def __init__(self, backend: Openable) -> None:
        self._backend = backend
        self._attempt: asyncio.Task[None] | None = None
        self._is_open = False

    async def opened(self) -> None:
        """Return when the backend is open. Raises BackendUnavailable, SchemaMismatch where its tables do not fit."""
        if self._is_open:
            return
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._backend.open())
            self._attempt.add_done_callback(_seen)
        try:
            await asyncio.wait((self._attempt,))
            self._attempt.result()
        except StartFailure as error:  # at a start it ends the process; now it waits for its cure
            raise SchemaMismatch(error.detail) from error
        self._is_open = True

    async def close(self) -> None:
        """Give up an attempt that is under way."""
        if self._attempt is not None:
            await ended(self._attempt)


def _seen(attempt: asyncio.Task[None]) -> None:
    """How it ended is known, also where nobody waits for it any more."""
    if not attempt.cancelled():
        attempt.exception()

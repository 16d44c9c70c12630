"""A circuit breaker: while a backend is away, one probe goes to it now and then, and nothing else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from domain.errors import BackendUnavailable, PersistenceError
from domain.model.observations import BackendLost, BackendRegained
from domain.model.records import HealthStatus
from ports.ambient import Clock, Observer

FAILURES = 5  # transient ones in a row, of all who share the breaker, before it opens
PROBE_SECONDS = 2.0  # between two probes, on average


class CircuitBreaker:
    """Shared by everyone who writes to one backend.

    Closed, it lets everything pass. ``FAILURES`` transient failures in a row open it: from then on everybody waits, and
    one of those who wait asks the backend for its health from time to time. When that is good, the same one goes
    ahead alone; its success closes the breaker for all, its failure keeps it open.
    """

    def __init__(
        self,
        backend: str,
        probe: Callable[[], Awaitable[HealthStatus]],
        collections: Callable[[], Sequence[str]],
        observer: Observer,
        clock: Clock,
    ) -> None:
        """``backend``: its name; ``collections``: those that wait while it is away; ``probe`` must have a deadline."""
        self.is_open = False
        self.trouble: str | None = None  # while it is open: the last failure in one sentence
        self._backend = backend
        self._probe = probe
        self._collections = collections
        self._observer = observer
        self._clock = clock
        self._failures = 0
        self._opened_at = 0.0
        self._next_probe = 0.0
        self._probing = False
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Work on the backend inside: begins when that makes sense, and what comes of it is taken into account."""
        leading = await self._admitted()
        try:
            yield
        except BackendUnavailable as error:
            self._fail(error.detail)
            raise
        except PersistenceError:
            self._succeed()  # whatever it says, it answers
            raise
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")
            raise
        else:
            self._succeed()
        finally:
            if leading:
                self._step_back()

    async def _admitted(self) -> bool:
        """Wait while the breaker is open; whether the caller goes ahead of all others."""
        while self.is_open:
            wait = self._next_probe - self._clock.monotonic()
            if wait > 0 or self._probing:
                await self._rest(None if self._probing else wait)
            elif await self._backend_is_well():
                return True
        return False

    async def _backend_is_well(self) -> bool:
        """Probe; where the answer is good, the one who asked goes on, and holds the others back until it knows more."""
        self._probing, well = True, False
        try:
            health = await self._probe()
            well = health.healthy
            if not well:
                self.trouble = health.detail
        finally:
            if not well:
                self._step_back()
        return well

    async def _rest(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _step_back(self) -> None:
        """The one who was ahead is done; the next may probe in a while."""
        self._probing = False
        self._next_probe = self._clock.monotonic() + random.uniform(0, 2 * PROBE_SECONDS)  # noqa: S311  (jitter)
        self._wake()

    def _fail(self, detail: str) -> None:
        self._failures += 1
        if self.is_open:
            self.trouble = detail
        elif self._failures >= FAILURES:
            self.is_open, self.trouble = True, detail
            self._opened_at = self._clock.monotonic()
            self._step_back()
            lost = BackendLost(backend=self._backend, collections=tuple(self._collections()), detail=detail)
            self._observer(lost)

    def _succeed(self) -> None:
        self._failures = 0
        if self.is_open:
            self.is_open, self.trouble = False, None
            seconds = self._clock.monotonic() - self._opened_at
            names = tuple(self._collections())
            self._observer(BackendRegained(backend=self._backend, collections=names, seconds=seconds))
            self._wake()

    def _wake(self) -> None:
        """Everyone who waits looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

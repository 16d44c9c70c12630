"""Sessions kept ready: a block of work takes one, and gives it back only if nothing went wrong below it."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

import msgspec

from adapters.sql.connection import SqlConnection
from domain.errors import BackendContended, BackendUnavailable, SchemaMismatch, StartFailure

_IDLE_SECONDS = 300.0  # what lies longer may have been forgotten by a firewall


class PoolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions there are, and for how long."""

    ready: int = 10  # opened at the start; what there is beyond them is closed when it is not needed
    most: int = 50
    overflow: int = 0  # beyond `most`, closed as soon as they are given back
    recycle_seconds: float = 3600.0  # no session gets older
    connect_seconds: float = 5.0  # for all that opens one


class Session(Protocol):
    """What the pool knows of a session."""

    opened_at: float  # of time.monotonic
    used_at: float  # when it was given back

    @property
    def usable(self) -> bool:
        """Whether another block may have it: it is open, and in no transaction."""
        ...

    async def begin(self, seconds: float, deadline: float) -> SqlConnection:
        """The verbs for a block of ``seconds`` that ends at ``deadline`` (of the loop's clock)."""
        ...

    async def end(self) -> None:
        """Close it within a moment, whatever runs in it; never raises."""
        ...

    def leave(self) -> None:
        """Close it while nothing runs in it."""
        ...


S = TypeVar("S", bound=Session)


class SessionPool(ABC, Generic[S]):
    """A ``SqlPool``; a kind of server says how a session is opened. The last one given back is the first one taken."""

    def __init__(self, place: str, limits: PoolLimits) -> None:
        """``place``: the server and its database, for sentences."""
        self._place = place
        self._limits = limits
        self._opened = False
        self._idle: deque[S] = deque()  # the longest idle first
        self._in_use = 0
        self._places = asyncio.Semaphore(limits.most + limits.overflow)
        self._closing = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly

    @abstractmethod
    async def connect(self) -> S:
        """Open a session. Raises StartFailure where trying again would not help, else BackendError."""

    async def check(self, opened: Sequence[S]) -> None:
        """Look at the sessions that were opened at the start. Raises StartFailure, BackendError."""

    async def open(self) -> None:
        """As the seam says."""
        if self._opened:
            return
        self._opened = True
        try:
            self._idle.append(await self.connect())  # one alone, so that a fault shows once
            others = [self.connect() for _ in range(self._limits.ready - 1)]
            outcomes = await asyncio.gather(*others, return_exceptions=True)  # one is enough to begin with
            self._idle.extend(found for found in outcomes if not isinstance(found, BaseException))
            await self.check(tuple(self._idle))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """As the seam says, when the blocks that have one are over; each of them has a deadline."""
        self._opened = False
        places = self._limits.most + self._limits.overflow
        async with self._closing:
            for _ in range(places):
                await self._places.acquire()
            while self._idle:
                self._idle.pop().leave()
            for _ in range(places):
                self._places.release()

    @asynccontextmanager
    async def acquire(self, seconds: float) -> AsyncIterator[SqlConnection]:
        """As the seam says."""
        session, placed, sound = None, False, False
        try:
            async with asyncio.timeout(seconds) as scope:
                placed = await self._places.acquire()
                self._in_use += 1
                session = await self._session()
                if scope.expired():  # and a driver has lost it while it connected: see ``ended``
                    raise TimeoutError
                connection = await session.begin(seconds, scope.when() or 0.0)
                try:
                    yield connection
                except Exception:
                    sound = True  # the session itself knows whether it outlived the error
                    raise
                sound = True
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise self._late(seconds, placed=placed) from error
        finally:
            if session is not None:
                self._give_back(session, sound=sound)
            elif placed:
                self._leave_place()

    async def _session(self) -> S:
        if not self._opened:
            raise BackendUnavailable(f"The sessions to {self._place} are not open.")
        while self._idle:
            session = self._idle.pop()
            if self._fresh(session):
                return session
            session.leave()
        try:
            return await self.connect()
        except StartFailure as error:  # at a start it ends the process; now it waits for its cure
            raise SchemaMismatch(error.detail) from error

    def _fresh(self, session: S) -> bool:
        now = time.monotonic()
        aged = now - session.opened_at > self._limits.recycle_seconds or now - session.used_at > _IDLE_SECONDS
        return session.usable and not aged

    def _give_back(self, session: S, *, sound: bool) -> None:
        if not (sound and session.usable):
            task = asyncio.create_task(self._end(session))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            return
        session.used_at = time.monotonic()
        self._idle.append(session)
        self._leave_place()
        while self._idle and self._is_one_too_many(self._idle[0]):
            self._idle.popleft().leave()

    async def _end(self, session: S) -> None:
        """The place stays taken until the server has let go: there are never more sessions than agreed."""
        await session.end()
        self._leave_place()

    def _leave_place(self) -> None:
        self._in_use -= 1
        self._places.release()

    def _is_one_too_many(self, longest_idle: S) -> bool:
        if len(self._idle) + self._in_use > self._limits.most:
            return True
        return len(self._idle) > self._limits.ready and not self._fresh(longest_idle)

    def _late(self, seconds: float, *, placed: bool) -> BackendContended | BackendUnavailable:
        if placed:
            return BackendUnavailable(f"{self._place} did not answer within {seconds:g} s.")
        most = self._limits.most + self._limits.overflow
        return BackendContended(f"All {most} sessions to {self._place} are busy.")

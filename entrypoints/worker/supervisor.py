"""Keeps a worker process running for as long as lanes are drained by it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context

from adapters.pipe.channel import Channel
from adapters.pipe.messages import FROM_WORKER, FromWorker, Greeting
from domain.model.observations import WorkerEnded, WorkerStarted
from domain.services.ending import ended
from domain.services.remote_lane import RemoteLane
from entrypoints.worker import process
from entrypoints.worker.conversation import Conversation
from ports.ambient import Clock, Observer
from ports.write_buffer import PendingLog

PING_SECONDS = 10.0
GRACE_SECONDS = 3.0  # for a statement that is under way when a worker is told to end
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds before a worker is started again
_PROVEN = 10.0  # times the last pause: who lived longer than that is no part of a series of deaths


class Supervisor:
    """Starts the worker with the first lane, ends it with the last, and starts it again whenever it dies.

    Other settings need another supervisor, to which the lanes move.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        greeting: Greeting,
        log: PendingLog,
        observer: Observer,
        clock: Clock,
        *,
        ping_seconds: float = PING_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """``command`` and ``environment``: of the worker; ``greeting``: what it is told first."""
        self._command = command
        self._environment = environment
        self._greeting = greeting
        self._log = log
        self._observer = observer
        self._clock = clock
        self._ping_seconds = ping_seconds
        self._grace_seconds = grace_seconds
        self._lanes: dict[str, RemoteLane] = {}
        self._users = 0
        self._ready = asyncio.Event()
        self._wanted = asyncio.Event()
        self._supervising: asyncio.Task[None] | None = None
        self._conversation: Conversation | None = None
        self._down: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why nothing comes from the worker just now."""
        if self._conversation is not None and self._conversation.silent:
            return "The worker process does not answer."
        return self._down

    @asynccontextmanager
    async def draining(self, lane: RemoteLane) -> AsyncIterator[None]:
        """Have a lane drained; behind the context of the last one, the process is gone."""
        self._lanes[lane.collection.name] = lane
        self.nudge()
        try:
            async with self.running():
                yield
        finally:
            del self._lanes[lane.collection.name]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have the process, with or without lanes."""
        self._users += 1
        if self._supervising is None:
            # Whoever asked for the first lane, by a reload, is not whom its whole life is for.
            self._supervising = asyncio.create_task(self._supervise(), name="worker", context=Context())
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                await self._end()

    async def ready(self, timeout: float) -> bool:
        """Wait until the process has opened its backends; False when it has not within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            return False
        return True

    def nudge(self) -> None:
        """A lane is new, or somebody waits for more of one."""
        self._wanted.set()

    async def _end(self) -> None:
        task, self._supervising = self._supervising, None
        if task is not None:
            await ended(task)

    async def _supervise(self) -> None:
        pause = 0.0
        while True:
            begun = self._clock.monotonic()
            reason = await self._live_once()
            lived = self._clock.monotonic() - begun
            pause = _FIRST_PAUSE if lived > _PROVEN * pause else min(2 * pause, _LONGEST_PAUSE)
            self._down = f"The worker process ended: {reason}."
            self._observer(WorkerEnded(reason=reason, retry_in_seconds=pause))
            await asyncio.sleep(pause)

    async def _live_once(self) -> str:
        """The life of one process; returns why it ended."""
        try:
            channel, worker = self._start()
        except OSError as error:
            return f"it could not be started: {error}"
        try:
            channel.post(self._greeting)
            reason = await self._converse(channel, worker.pid)
        finally:
            await channel.close()
            ended = await process.end(worker, self._grace_seconds)
        return reason or ended

    def _start(self) -> tuple[Channel[FromWorker], subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as stack:
            stack.enter_context(ours)
            worker = process.start(self._command, self._environment, theirs)
            stack.pop_all()
            return Channel(ours, FROM_WORKER), worker

    async def _converse(self, channel: Channel[FromWorker], pid: int) -> str:
        def ready() -> None:
            self._down = None
            self._ready.set()
            for lane in self._lanes.values():
                lane.restarted()
            self._observer(WorkerStarted(pid=pid))

        self._conversation = Conversation(
            channel, self._lanes, self._log, self._observer, self._wanted, ready, ping_seconds=self._ping_seconds
        )
        try:
            return await self._conversation.run()
        except Exception as error:  # a bug must not end the supervision: nothing would be drained any more
            return f"it was given up: {error!r}"
        finally:
            self._ready.clear()
            self._conversation = None

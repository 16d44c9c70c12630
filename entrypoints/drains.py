"""Which collection is drained where: in this process, or by the worker; by the configuration that serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from adapters.pipe.messages import Greeting
from domain.errors import BackendUnavailable
from domain.services.draining import Drain
from domain.services.followed_lane import FollowedLane
from domain.services.lane import Lane
from domain.services.remote_lane import RemoteLane
from entrypoints.settings import Settings, environment_of_workers
from entrypoints.version import VERSION
from entrypoints.worker.process import COMMAND
from entrypoints.worker.supervisor import Supervisor
from ports.ambient import Clock, Observer
from ports.shared_log import SharedLog
from ports.write_buffer import PendingLog, WriteBuffer

READY_SECONDS = 10.0  # how long a change of configuration waits for a worker that does not come up
STANDBY_SECONDS = 30.0  # the same before anything waits for it


class Drains:
    """One worker for all collections whose backend asks for one; another worker when its settings change."""

    def __init__(
        self,
        settings: Settings,
        lanes: Sequence[Lane],
        log: PendingLog,
        journal: WriteBuffer | SharedLog,
        observer: Observer,
        clock: Clock,
    ) -> None:
        """``settings``: of the start; ``lanes``: of this process, which stand by where the worker drains.

        ``log``: as it is drained from here; ``journal``: as it is followed, where others drain it.
        """
        self._settings = settings
        self._lanes = lanes
        self._log = log
        self._observer = observer
        self._clock = clock
        self._greeting: Greeting | None = None
        self._worker: Supervisor | None = None
        self._standing_by: tuple[Greeting, Supervisor] | None = None
        self._followed: Sequence[Drain] = followed(settings, lanes, journal) if isinstance(journal, SharedLog) else ()
        self._remote: Mapping[str, RemoteLane] = {}

    def chosen(self, settings: Settings | None = None) -> list[Drain]:
        """The drains by a configuration, by default that of the start; the same ones for what it leaves as it was."""
        if self._followed:
            return list(self._followed)
        chosen = self._settings.rerouted(settings or self._settings)
        greeting = self._greeted(chosen)
        if greeting != self._greeting:
            self._greeting = greeting
            worker = self._supervisor(greeting)
            self._worker = worker if greeting.lanes else None
            self._remote = {
                lane.collection.name: RemoteLane(lane.collection, chosen.policy(lane.collection.name), worker)
                for lane in self._lanes
                if lane.collection.name in greeting.lanes
            }
        return [self._remote.get(lane.collection.name, lane) for lane in self._lanes]

    def _greeted(self, chosen: Settings) -> Greeting:
        names = [lane.collection.name for lane in self._lanes]
        remote = tuple(name for name in names if chosen.backend_of(name).type.drain == "process")
        return Greeting(release=VERSION, settings=chosen.packed(), lanes=remote)

    def _supervisor(self, greeting: Greeting) -> Supervisor:
        greeted, worker = self._standing_by or (None, None)
        if worker is not None and greeted == greeting:
            return worker
        return Supervisor(COMMAND, environment_of_workers(), greeting, self._log, self._observer, self._clock)

    @asynccontextmanager
    async def standing_by(self, settings: Settings) -> AsyncIterator[None]:
        """In the block, the worker that another configuration needs is ready, in case that it comes to serve.

        Raises BackendUnavailable where it does not get ready.
        """
        greeting = self._greeted(self._settings.rerouted(settings))
        if not greeting.lanes or greeting == self._greeting:
            yield
            return
        worker = self._supervisor(greeting)
        async with worker.running():
            if not await worker.ready(STANDBY_SECONDS):
                trouble = worker.trouble or f"It was not ready within {STANDBY_SECONDS:g} s."
                raise BackendUnavailable(f"The worker process for the new route does not start. {trouble}")
            self._standing_by = greeting, worker
            try:
                yield
            finally:
                self._standing_by = None

    @asynccontextmanager
    async def prepared(self, settings: Settings) -> AsyncIterator[list[Drain]]:
        """The drains by another configuration. Their worker is ready: the former one need not stop before its time."""
        lanes = self.chosen(settings)
        if self._worker is None:
            yield lanes
            return
        async with self._worker.running():
            await self._worker.ready(READY_SECONDS)
            yield lanes
            await asyncio.sleep(0)  # the lanes that have just begun take hold of the worker


def followed(settings: Settings, lanes: Sequence[Lane], log: SharedLog) -> list[Drain]:
    """Every partition of every collection, drained by workers elsewhere."""
    return [
        FollowedLane(lane.collection, partition, settings.policy(lane.collection.name), log)
        for lane in lanes
        for partition in range(settings.shared_partitions)
    ]

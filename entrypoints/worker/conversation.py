"""What the service and one worker process say to each other, from the greeting until one of them goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from adapters.pipe.channel import Channel, ChannelClosed
from adapters.pipe.log_server import LogServer
from adapters.pipe.messages import (
    Commit,
    Drain,
    Farewell,
    FromWorker,
    Hurry,
    Logged,
    Measure,
    Observed,
    Ping,
    Read,
    Ready,
)
from domain.model.observations import BackendLost, BackendRegained, Observation
from domain.services.remote_lane import RemoteLane
from ports.ambient import Observer
from ports.write_buffer import PendingLog

MISSED_PINGS = 3  # in a row, after which a worker is given up
START_SECONDS = 60.0  # until a worker's first word; it loads its program before


class Conversation:
    """The service's side. ``wanted`` is set whenever a lane is new, or somebody waits for more of one."""

    def __init__(
        self,
        channel: Channel[FromWorker],
        lanes: Mapping[str, RemoteLane],
        log: PendingLog,
        observer: Observer,
        wanted: asyncio.Event,
        on_ready: Callable[[], None],
        *,
        ping_seconds: float,
    ) -> None:
        """``on_ready``: told once; ``ping_seconds``: how long a worker has to answer before it is called silent."""
        self._on_ready = on_ready
        self._channel = channel
        self._lanes = lanes
        self._server = LogServer(log, channel, self._committed)
        self._observer = observer
        self._wanted = wanted
        self._ping_seconds = ping_seconds
        self._heard = asyncio.Event()  # since the last ping
        self._missed = 0  # pings
        self._ready = asyncio.Event()

    @property
    def silent(self) -> bool:
        """Whether the worker owes an answer."""
        return self._missed > 0

    async def run(self) -> str:
        """Talk until the worker is gone (an empty answer), or is given up for the reason returned."""
        reason = ""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tell())
                tasks.create_task(self._watch())
                await self._listen()
        except* ChannelClosed as closed:
            reason = str(closed.exceptions[0])
        finally:
            await self._server.close()
        return reason

    async def _listen(self) -> None:
        while True:
            message, _ = await self._channel.receive()
            self._heard.set()
            self._missed = 0
            self._take(message)

    def _take(self, message: FromWorker) -> None:
        match message:
            case Read() | Commit() | Measure():
                self._server.serve(message)
            case Observed(observation):
                self._observe(observation)
            case Logged(level, logger, text):
                logging.getLogger(logger).log(level, "%s", text)
            case Ready():
                self._on_ready()
                self._ready.set()
            case Farewell(detail):
                raise ChannelClosed(detail)
            case _:
                pass  # a pong, whose coming is what it says

    async def _tell(self) -> None:
        """Say which lanes to drain and how far to hurry: at most one message of each on its way, however many wait."""
        told: dict[str, int] = {}
        await self._ready.wait()
        while True:
            self._wanted.clear()
            for name, lane in self._lanes.items():
                progress = lane.progress
                if name not in told:
                    told[name] = progress.applied
                    self._channel.post(Drain(name, progress.applied))
                if progress.wanted > max(told[name], progress.applied):
                    told[name] = progress.wanted
                    self._channel.post(Hurry(name, progress.wanted))
            await self._channel.sent()
            await self._wanted.wait()

    async def _watch(self) -> None:
        """Count pings without an answer, not seconds: they also pass while the whole machine sleeps."""
        self._channel.post(Ping())
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._heard.wait()
        except TimeoutError:
            raise ChannelClosed(f"it said nothing for {START_SECONDS:g} s after its start") from None
        while self._missed < MISSED_PINGS:
            self._heard.clear()
            self._channel.post(Ping())
            await asyncio.sleep(self._ping_seconds)
            self._missed += not self._heard.is_set()
        raise ChannelClosed(f"it did not answer for {MISSED_PINGS * self._ping_seconds:g} s")

    def _committed(self, lane: str, through: int) -> None:
        if lane in self._lanes:
            self._lanes[lane].committed(through)

    def _observe(self, observation: Observation) -> None:
        for name in _concerned(observation):
            if name in self._lanes:
                self._lanes[name].observed(observation)
        self._observer(observation)


def _concerned(observation: Observation) -> tuple[str, ...]:
    """The collections that an observation is about."""
    if isinstance(observation, BackendLost | BackendRegained):
        return observation.collections
    return (getattr(observation, "collection", ""),)

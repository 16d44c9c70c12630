"""A worker among others: takes its share of the partitions of a shared log, and drains them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from domain.errors import PersistenceError
from domain.model.frames import BufferDepth
from domain.model.lanes import LaneState
from domain.model.observations import PartitionLost, PartitionTaken
from domain.services.draining import drain_on
from domain.services.ending import ended
from domain.services.gate import Gate
from domain.services.lane import Lane
from domain.services.lane_states import worst
from domain.services.progress import Progress
from ports.ambient import Clock, Observer
from ports.shared_log import Leases
from ports.write_buffer import PendingLog

BEATS = 10  # renewals in the length of a lease


class DrainedPartition:
    """A lane with the gate that its log is read through."""

    def __init__(self, lane: Lane, gate: Gate) -> None:
        self.lane = lane
        self.gate = gate
        self.leaving = asyncio.Event()
        self.progress = Progress()  # since it was taken

    @property
    def name(self) -> str:
        """The lane of the pending log."""
        return self.lane.collection.name

    @property
    def partition(self) -> int:
        """Its partition."""
        return self.lane.partition

    @property
    def state(self) -> LaneState:
        """How it fares, a bug that its drain has met included."""
        state = self.lane.state
        return msgspec.structs.replace(state, last_error=state.last_error or self.progress.trouble)


class PartitionWorker:
    """Takes leases up to its share, drains under them, and gives back what exceeds the share."""

    def __init__(
        self,
        partitions: Sequence[DrainedPartition],
        log: PendingLog,
        leases: Leases,
        observer: Observer,
        clock: Clock,
        *,
        lease_seconds: float,
        finish_seconds: float,
    ) -> None:
        """``lease_seconds``: the length of a lease; ``finish_seconds``: for the batch in hand at the end."""
        self._partitions = partitions
        self._log = log
        self._leases = leases
        self._observer = observer
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._finish_seconds = finish_seconds
        self._held: dict[DrainedPartition, asyncio.Task[None]] = {}

    @property
    def held(self) -> Mapping[str, Sequence[int]]:
        """The partitions that are drained here, by collection."""
        names = sorted({each.name for each in self._held})
        return {name: sorted(each.partition for each in self._held if each.name == name) for name in names}

    def states(self) -> Mapping[str, LaneState]:
        """How the collections fare whose partitions are held here."""
        return worst((each.name, each.state) for each in self._held)

    async def run(self, stopping: asyncio.Event) -> None:
        """Drain until ``stopping`` is set; then finish the batches in hand and give all leases back."""
        try:
            while not stopping.is_set():
                with suppress(PersistenceError):  # the next look may find the log again
                    await self._balance()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._lease_seconds / 3):
                        await stopping.wait()
        finally:
            for partition in self._held:
                partition.leaving.set()
            await asyncio.gather(*self._held.values(), return_exceptions=True)
            with suppress(PersistenceError):  # others find out by themselves
                await self._leases.leave()

    async def until_drained(self, stopping: asyncio.Event) -> None:
        """Drain what is there now, whoever does it; ``stopping`` ends it before. Raises JournalUnreachable."""
        heads = {each: (await self._depth(each)).head for each in self._partitions}
        done = asyncio.Event()
        running = asyncio.create_task(self.run(done))
        try:
            while not stopping.is_set() and await self._waits(heads):
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._lease_seconds / BEATS):
                        await stopping.wait()
        finally:
            done.set()
            await running

    async def _waits(self, heads: Mapping[DrainedPartition, int]) -> bool:
        for each, head in heads.items():
            if (await self._depth(each)).committed < head:
                return True
        return False

    async def _depth(self, each: DrainedPartition) -> BufferDepth:
        return await self._log.depth(each.name, partition=each.partition)

    async def _balance(self) -> None:
        """Take what is free up to the share; give one back where there is more than that."""
        workers = await self._leases.enlist()
        share = math.ceil(len(self._partitions) / max(1, workers))
        held = [each for each in self._held if not each.leaving.is_set()]
        for surplus in held[share:]:
            surplus.leaving.set()
        for each in self._partitions:
            if len(self._held) >= share:
                break
            if each not in self._held and await self._leases.take(each.name, each.partition):
                each.leaving.clear()
                self._held[each] = asyncio.create_task(self._own(each), name=f"{each.name} {each.partition}")

    async def _own(self, each: DrainedPartition) -> None:
        """Drain under a lease until it is lost or to be given back."""
        self._observer(PartitionTaken(collection=each.name, partition=each.partition))
        progress = each.progress = Progress()

        async def watermark() -> int:
            return (await self._depth(each)).committed

        draining: asyncio.Task[None] | None = None
        try:
            progress.reached(await watermark())
            each.gate.open(each.name)
            draining = asyncio.create_task(drain_on(each.lane, progress, _nobody, watermark, self._observer))
            if await self._hold(each, progress, each.leaving.is_set):
                passed = each.gate.close(each.name)
                deadline = self._clock.monotonic() + self._finish_seconds
                await self._hold(
                    each, progress, lambda: progress.applied >= passed or self._clock.monotonic() > deadline
                )
        except PersistenceError:
            pass  # the lease ends by itself, and is taken again when the log is there
        finally:
            if draining is not None:
                await ended(draining)
            with suppress(PersistenceError):
                await self._leases.release(each.name, each.partition)
            del self._held[each]

    async def _hold(self, each: DrainedPartition, progress: Progress, done: Callable[[], bool]) -> bool:
        """Renew a lease until ``done``; False where it is lost."""
        renewed = self._clock.monotonic()
        while not done():
            try:
                wanted = await self._leases.renew(each.name, each.partition, each.state)
            except PersistenceError:
                wanted = -1  # nobody can say; the lease lasts a while
            else:
                renewed = self._clock.monotonic()
            if wanted is None or self._clock.monotonic() - renewed > self._lease_seconds:
                self._observer(PartitionLost(collection=each.name, partition=each.partition))
                return False
            progress.want(wanted)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease_seconds / BEATS):
                    await each.leaving.wait()
                    await asyncio.sleep(0.01)
        return True


def _nobody(_lane: str, _through: int) -> None:
    """Whoever waits follows the watermark."""

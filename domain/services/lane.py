"""One collection's drain: wait for a batch, store it, settle what was refused, move the watermark."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from domain.errors import BackendUnavailable, LeaseLost, PersistenceError
from domain.model.collections import Collection
from domain.model.dead_letters import DeadLetter
from domain.model.frames import Frame
from domain.model.lanes import LaneState
from domain.model.observations import (
    BatchFlushed,
    CollectionPaused,
    FlushFailed,
    FlushRecovered,
    RecordDeadLettered,
    RecordsDiscarded,
    WritesConflicted,
)
from domain.model.policies import BufferPolicy
from domain.model.receipts import WriteException
from domain.model.records import Record, Verdict
from domain.services.batch_trace import BatchTrace, sender_of
from domain.services.batches import Batch, Unstored, check_sum, cut, is_due, quarantined, readable, settlement
from domain.services.pace import FROZEN, Decision, SizeTrigger, delay, is_structural, is_stuck, is_unknown
from domain.services.partitions import partitioned, side_by_side
from domain.services.progress import Progress
from domain.services.registry import StorageBackendRegistry
from domain.services.schema import RecordSchema
from domain.services.storing import BatchStore
from ports.ambient import Clock, Ids, Observer
from ports.dead_letters import DeadLetters
from ports.receipts import Receipts
from ports.write_buffer import PendingLog

T = TypeVar("T")

PRIMARY = "primary"
_IDLE_WAIT = 60.0  # seconds; a new frame ends it at once
_GLANCE = 0.02  # seconds between looks at the size trigger while lingering


class LaneParts(msgspec.Struct, frozen=True):
    """What every lane is wired to."""

    buffer: PendingLog
    registry: StorageBackendRegistry
    dead_letters: DeadLetters
    receipts: Receipts
    policy: BufferPolicy
    observer: Observer
    clock: Clock
    ids: Ids


class Lane:
    """Drains one collection, batch after batch; at no time are two statements on their way that write the same key."""

    def __init__(self, collection: Collection, schema: RecordSchema, parts: LaneParts, partition: int = 0) -> None:
        """``partition``: of the pending log, which is drained here."""
        self.collection = collection
        self.partition = partition
        self.trigger = SizeTrigger(parts.policy)
        self.attempt = 0
        self.paused = False
        self.last_error: str | None = None
        self._failures = 0  # since the start
        self._puzzled = False  # whether the batch in hand met an error that nobody knows
        self._schema = schema
        self._parts = parts
        self._refusal = Verdict.DISCARDED if parts.policy.on_failure == "discard" else Verdict.DEAD_LETTERED
        self._store = BatchStore(collection, parts.registry, self._refusal)
        self._trace = BatchTrace(parts.ids, parts.clock)
        self._progress = Progress()
        self._frames: list[Frame] = []  # read and not yet applied

    @property
    def state(self) -> LaneState:
        """How the lane fares."""
        breaker = self._parts.registry.breaker(self.collection)
        return LaneState(
            batch_records=self.trigger.records,
            attempt=self.attempt,
            paused=self.paused,
            lost=breaker.is_open,
            last_error=breaker.trouble or self.last_error,
        )

    async def drain(self, progress: Progress, applied: Callable[[str, int], None]) -> None:
        """Apply batch after batch until cancelled, from ``progress`` on; tells it, and ``applied``, after each."""
        name = self.collection.name
        self._progress = progress
        self._frames.clear()
        self._trace.end()
        while True:
            trigger = await self._patiently(self._next_trigger)
            before = self._failures
            batch, statuses, seconds = await self._patiently(self._apply_next)
            decision = self.trigger.learn(seconds) if self._failures == before else FROZEN
            del self._frames[: len(batch.frames)]
            applied(name, batch.through)
            self._progress.reached(batch.through)
            self._report(batch, seconds, statuses, trigger, decision)
            self._trace.end()

    async def _next_trigger(self) -> str:
        """Wait until a batch is due and its frames are read; returns why it is."""
        while not self._frames:
            await self._read_on(self._parts.policy.batch_bytes, wait_seconds=_IDLE_WAIT)
        records, held = self._in_hand()
        if trigger := is_due(self._parts.policy, records, self.trigger.records, held):
            return trigger
        trigger = await self._linger()
        await self._read_on(self._parts.policy.batch_bytes - held, wait_seconds=0)
        return trigger

    def _in_hand(self) -> tuple[int, int]:
        """The records that are read and not yet applied, and their bytes."""
        return sum(frame.count for frame in self._frames), sum(len(frame.payload) for frame in self._frames)

    async def _read_on(self, max_bytes: int, *, wait_seconds: float) -> None:
        after = self._frames[-1].last if self._frames else self._progress.applied
        name = self.collection.name
        for frame in await self._parts.buffer.read(
            name, self.partition, after, max_bytes=max_bytes, wait_seconds=wait_seconds
        ):
            if frame.sequence > after + 1:
                await self._settle_gap(after + 1, frame.sequence - 1)
            self._frames.append(frame)
            after = frame.last

    async def _linger(self) -> str:
        """Wait for company; the first record that waits may have waited before, in another batch or another run."""
        policy, clock = self._parts.policy, self._parts.clock
        age = (clock.now() - self._frames[0].accepted_at).total_seconds()
        deadline = clock.monotonic() + min(policy.linger_seconds, policy.max_age_seconds - age)
        while not self._progress.hurry.is_set():
            depth = await self._parts.buffer.depth(self.collection.name, partition=self.partition)
            due = is_due(policy, depth.records, self.trigger.records, depth.payload_bytes)
            left = deadline - clock.monotonic()
            if due or left <= 0:
                return due or "age"
            try:
                async with asyncio.timeout(min(left, _GLANCE)):
                    await self._progress.hurry.wait()
            except TimeoutError:
                continue
        return "request"

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """Try for ever; an outage neither ends the drain nor turns good records into dead letters."""
        while True:
            try:
                done = await step()
            except PersistenceError as error:
                await self._back_off(error)
            except Exception as error:  # a bug must not end the drain: it would look like an outage without a cause
                await self._back_off(BackendUnavailable(f"{type(error).__name__}: {error}"))
            else:
                self._recover()
                return done

    def _recover(self) -> None:
        if self.attempt:
            self._parts.observer(FlushRecovered(collection=self.collection.name, attempts=self.attempt))
        self.attempt, self.paused, self.last_error, self._puzzled = 0, False, None, False
        self._store.recover()

    async def _back_off(self, error: PersistenceError) -> None:
        self.attempt += 1
        self._failures += 1
        self.last_error = error.detail
        self._puzzled |= is_unknown(error)
        seconds = delay(error, self.attempt)
        if is_stuck(error, self.attempt):
            self._store.ease()
        name = self.collection.name
        if is_structural(error) and not self.paused:
            self.paused = True
            self._parts.observer(CollectionPaused(collection=name, detail=error.detail))
        self._parts.observer(
            FlushFailed(
                collection=name,
                error=error.code,
                detail=error.detail,
                attempt=self.attempt,
                retry_in_seconds=seconds,
            )
        )
        await asyncio.sleep(seconds)

    async def _apply_next(self) -> tuple[Batch, Counter[str], float]:
        """Cut a batch from the front, and apply it.

        Where it met an error that nobody knows, it grows by what has come since. If others are stored without the
        error, that is about single records: see ``Isolation``. While nothing else waits, there is no evidence.
        """
        size = self.trigger.records
        if self._puzzled:
            _, held = self._in_hand()
            if (room := 2 * self._parts.policy.batch_bytes - held) > 0:
                await self._read_on(room, wait_seconds=0)
            size, _ = self._in_hand()
        batch = await cut(self._frames, size, self._schema)
        depth = await self._parts.buffer.depth(self.collection.name, partition=self.partition)
        self._trace.begin(batch.frames, depth.records)
        return batch, *await self._apply(batch)

    async def _apply(self, batch: Batch) -> tuple[Counter[str], float]:
        """Database commit, then state, then the watermark: a crash between them only repeats work.

        Returns the numbers of stored records by status, and the seconds it took.
        """
        async with self._parts.registry.breaker(self.collection).passage():
            begun = self._parts.clock.monotonic()
            records, unstored = await self._stored(batch)
        check_sum(batch, records, unstored)
        await self._settle(batch, unstored)
        await self._parts.buffer.commit(self.collection.name, self.partition, PRIMARY, batch.through)
        if unstored:
            without = {item.revision for item in unstored}
            records = [record for record in records if record.revision not in without]
        return self._statuses(records), self._parts.clock.monotonic() - begun

    async def _stored(self, batch: Batch) -> tuple[list[Record], list[Unstored]]:
        """Write to the backend; the records of the batch, and those among them that are not stored."""
        records, unstored = await readable(self._schema, batch.plain, self._refusal)
        most = self._parts.registry.parallel_writes(self.collection)
        unstored += await side_by_side(partitioned(records, most), partial(self._store.store, asked=batch.asked))
        if frames := batch.conditional:
            changed, unread = await readable(self._schema, frames, self._refusal)
            store = partial(self._store.store_conditional, frames)
            unstored += unread + await side_by_side(partitioned(changed, most), store)
            records += changed
        return records, unstored

    async def _settle(self, batch: Batch, unstored: Sequence[Unstored]) -> None:
        """Say what became of the records that a batch did not store, before the watermark moves.

        Another worker has said it of those behind a watermark that has moved: a late statement judges a later state.
        """
        if not unstored:
            return
        committed = await self._committed()
        exceptions, letters = settlement(self.collection, batch, unstored, self._parts.clock.now().isoformat())
        await self._keep(
            [found for found in exceptions if found.sequence > committed],
            [letter for letter in letters if letter.sequence > committed],
            batch.frames,
        )

    async def _settle_gap(self, first: int, last: int) -> None:
        """Records whose frame is damaged were acknowledged and cannot be applied: their receipts must say so.

        Raises LeaseLost where another worker has applied them, and their frames are trimmed.
        """
        if await self._committed() >= first:
            raise LeaseLost(f"Partition {self.partition} of {self.collection.name} is drained elsewhere by now.")
        await self._keep(*quarantined(self.collection, first, last, self._parts.clock.now().isoformat()))

    async def _committed(self) -> int:
        return (await self._parts.buffer.depth(self.collection.name, partition=self.partition)).committed

    async def _keep(
        self, exceptions: Sequence[WriteException], letters: Sequence[DeadLetter], frames: Sequence[Frame] = ()
    ) -> None:
        """Make durable what outlives the log, then report it; ``frames``: that brought it, where they can be read."""
        parts, name = self._parts, self.collection.name
        if letters:
            await parts.dead_letters.add(letters)
        await parts.receipts.add(exceptions)
        verdicts = Counter(found.verdict for found in exceptions)
        if discarded := verdicts[Verdict.DISCARDED]:
            parts.observer(RecordsDiscarded(collection=name, count=discarded))
        if conflicts := verdicts[Verdict.CONFLICT]:
            parts.observer(WritesConflicted(collection=name, count=conflicts))
        for item in letters:
            sender = sender_of(frames, item.sequence)
            parts.observer(
                RecordDeadLettered(collection=name, key=item.key, error=item.code, detail=item.detail, trace=sender)
            )

    def _statuses(self, records: Sequence[Record]) -> Counter[str]:
        """How many records have which status; deletes count as one of their own."""
        place = self.collection.positions.get("status")
        if place is None:
            return Counter({"stored": len(records)})
        return Counter(["deleted" if record.deleted_at else str(record.values[place]) for record in records])

    def _report(self, batch: Batch, seconds: float, statuses: Counter[str], trigger: str, decision: Decision) -> None:
        self._parts.observer(
            BatchFlushed(
                collection=self.collection.name,
                noun=self.collection.noun,
                records=batch.count,
                seconds=seconds,
                statuses=tuple(statuses.items()),
                trigger=trigger,
                batch_size=self.trigger.records,
                adapted=decision.adapted,
                cause=decision.cause,
                tried_seconds=self._trace.seconds,
                waiting=self._trace.waiting,
                requests=len(batch.frames),
                links=self._trace.links,
            )
        )

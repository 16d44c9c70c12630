"""Intake: what it takes for a batch to be acknowledged, and what is pending since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from domain.errors import (
    Draining,
    JournalFailed,
    Replaying,
)
from domain.model.acks import Ack
from domain.model.changes import Acceptance
from domain.model.collections import Collection
from domain.model.frames import (
    BufferDepth,
    Frame,
    FrameDraft,
    FrameHeaders,
    FrameKind,
    Position,
    partition_of,
)
from domain.model.observations import BufferMeasured, RecordsAccepted, ServiceStarting
from domain.model.origin import Origin
from domain.model.policies import BufferPolicy
from domain.model.receipts import Receipt
from domain.model.records import Record
from domain.services.admission import Admission
from domain.services.ending import ended
from domain.services.replay import PendingLane, replay
from domain.services.revisions import RevisionIssuer
from domain.services.schema import Checked, Outline, Schemas
from domain.services.sealing import Sealing
from ports.ambient import Clock, Observer
from ports.receipts import Receipts
from ports.write_buffer import WriteBuffer

NOBODY = Origin()
RETRY_SOON = 1.0  # seconds


class BufferManager:
    """Admission, the pending view and backpressure. Everything acknowledged passes through here once."""

    def __init__(
        self,
        collections: Sequence[Collection],
        schemas: Schemas,
        buffer: WriteBuffer,
        receipts: Receipts,
        issuer: RevisionIssuer,
        policy: BufferPolicy,
        observer: Observer,
        clock: Clock,
        sealing: Sealing | None = None,
    ) -> None:
        """``sealing``: where fields are encrypted, which happens here and nowhere else."""
        self._sealing = sealing or Sealing()
        self._lanes = {c.name: PendingLane(c, schemas.of(c.name)) for c in collections}
        self._buffer = buffer
        self._receipts = receipts
        self._issuer = issuer
        self._policy = policy
        self._observer = observer
        self._clock = clock
        self._accepting = False
        self._retiring = False
        self._admission = Admission(self._lanes.values(), policy, clock.monotonic)
        self._replays: list[asyncio.Task[None]] = []
        self.failed = False  # an fsync failed: nothing is acknowledged any more
        self.on_failure: Callable[[], None] = lambda: None  # told once, when the journal fails

    async def start(self) -> None:
        """Open an epoch on every lane and take records at once; what is pending is indexed meanwhile."""
        await self._issuer.start()
        self._observer(ServiceStarting(instance=self.instance))
        for name, lane in self._lanes.items():
            depth = await self._buffer.depth(name, partition=self._buffer.partition)
            lane.unseen, lane.unseen_since = depth.weight, depth.oldest_accepted_at
            lane.epoch = (await self._receipts.open_epoch(name, depth.head + 1)).number
            replaying = replay(lane, depth, self._buffer, self._observer, self._clock)
            self._replays.append(asyncio.create_task(replaying, name=f"replay {name}"))
        self._accepting = True

    def retire(self) -> None:
        """Say that this instance will go, so that balancers turn away; records are still taken."""
        self._retiring = True

    def refuse(self) -> None:
        """Take no new records from now on; what is being indexed goes on."""
        self._accepting = False

    async def stop(self) -> None:
        """Take no new records and end the indexing."""
        self.refuse()
        await ended(*self._replays)
        self._replays.clear()

    @property
    def accepting(self) -> bool:
        """Whether records can be journaled now."""
        return self._accepting and not self.failed

    @property
    def ready(self) -> bool:
        """Whether new clients should come here."""
        return self.accepting and not self._retiring

    @property
    def replaying(self) -> bool:
        """Whether a former run's records are still being indexed."""
        return not all(lane.replayed.is_set() for lane in self._lanes.values())

    @property
    def instance(self) -> int:
        """This instance's number."""
        return self._issuer.instance

    @property
    def salt(self) -> int:
        """What tells this instance from another one with its number."""
        return self._issuer.salt

    async def accept(
        self,
        collection: Collection,
        payload: bytes,
        *,
        partial: bool = False,
        ack: Ack = Ack.JOURNALED,
        origin: Origin = NOBODY,
    ) -> Acceptance:
        """Take a JSON array of records; returns when they would survive a power loss, or with ``ack`` before.

        Raises InvalidRecords, MalformedBody, PayloadTooLarge, BufferFull, JournalFull, JournalFailed, Draining.
        """
        lane = self._lanes[collection.name]
        now = self._clock.now()
        self._admit(lane, len(payload), origin, now)  # before the work of looking at it
        first, checked = await self._numbered(lane, lane.schema.check(payload, now, partial=partial))
        frame = await self._append(lane, checked, now, FrameKind.WRITE, origin, revision=first, ack=ack)
        lane.view.add(frame, checked.outline)
        return self._acceptance(lane, frame, checked)

    async def bury(self, collection: Collection, payload: bytes, outline: Outline, *, origin: Origin) -> Acceptance:
        """Take tombstones, as a delete frame's payload and its outline."""
        lane = self._lanes[collection.name]
        checked = Checked(payload=payload, outline=outline)
        frame = await self._append(lane, checked, self._clock.now(), FrameKind.DELETE, origin)
        lane.view.add(frame, outline)
        return self._acceptance(lane, frame, checked)

    async def accept_conditional(
        self, collection: Collection, checked: Checked, bases: tuple[int, ...], kind: FrameKind, *, origin: Origin
    ) -> Frame:
        """Take whole records that build on base revisions; they are shown when their flush has judged them."""
        lane = self._lanes[collection.name]
        frame = await self._append(lane, checked, self._clock.now(), kind, origin, bases)
        lane.view.conceal(frame)
        return frame

    async def accept_again(
        self,
        collection: Collection,
        checked: Checked,
        kind: FrameKind,
        bases: tuple[int, ...],
        *,
        revision: int | None,
        origin: Origin,
    ) -> tuple[Acceptance, Frame]:
        """Take a record that was acknowledged before: ``revision`` is the one it had, None for one of its own.

        Such a record is older than what stands around it in the log; versions decide, never places.
        """
        lane = self._lanes[collection.name]
        first, checked = await self._numbered(lane, checked, revision)
        frame = await self._append(lane, checked, self._clock.now(), kind, origin, bases, revision=first)
        if bases:
            lane.view.conceal(frame)
        else:
            lane.view.add(frame, checked.outline)
        return self._acceptance(lane, frame, checked), frame

    def pending(self, collection: Collection, key: str) -> Record | None:
        """The greatest acknowledged version that may not be stored yet."""
        return self._lanes[collection.name].view.get(key)

    def pending_of_parent(self, collection: Collection, parent: str) -> int:
        """How many records of an owning record are acknowledged and not yet stored."""
        return self._lanes[collection.name].view.of_parent(parent)

    async def replayed(self, lane: str, timeout: float | None = None) -> None:
        """Wait until a former run's records are indexed. Raises Replaying after ``timeout`` seconds."""
        event = self._lanes[lane].replayed
        if event.is_set():
            return
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            raise Replaying(retry_after=RETRY_SOON) from None

    def applied(self, lane: str, through: int) -> None:
        """Told by the flush: records up to ``through`` are stored and the watermark has moved."""
        if partition_of(through) != self._buffer.partition:
            return  # what is pending here is in no other
        pending = self._lanes[lane]
        before = pending.view.weight
        pending.view.applied(through)
        self._admission.applied(pending, through, before - pending.view.weight)

    async def depths(self) -> Mapping[str, BufferDepth]:
        """How much waits, by collection."""
        depths = {name: await self._buffer.depth(name) for name in self._lanes}
        for name, depth in depths.items():
            self._observer(self._measured(self._lanes[name], depth))
        return depths

    def _measured(self, lane: PendingLane, depth: BufferDepth) -> BufferMeasured:
        oldest = depth.oldest_accepted_at
        return BufferMeasured(
            collection=lane.collection.name,
            noun=lane.collection.noun,
            records=depth.records,
            payload_bytes=depth.payload_bytes,
            oldest_seconds=max(0.0, (self._clock.now() - oldest).total_seconds()) if oldest else 0.0,
            weight=lane.weight,
            bound=self._policy.max_bytes,
        )

    async def _numbered(self, lane: PendingLane, checked: Checked, revision: int | None = None) -> tuple[int, Checked]:
        """A batch's first revision, and the batch with a key for each of its records."""
        first = await self._issuer.issue(checked.count) if revision is None else revision
        return first, lane.schema.named(checked, first, self.salt)

    async def _append(
        self,
        lane: PendingLane,
        checked: Checked,
        now: datetime,
        kind: FrameKind,
        origin: Origin,
        bases: tuple[int, ...] = (),
        *,
        revision: int | None = None,
        ack: Ack = Ack.JOURNALED,
    ) -> Frame:
        first = await self._issuer.issue(checked.count) if revision is None else revision
        if kind is FrameKind.WRITE:
            checked = await self._sealing.sealed(lane.collection, checked)
        draft = FrameDraft(
            accepted_at=now,
            first_revision=first,
            count=checked.count,
            payload=checked.payload,
            kind=kind,
            headers=headers_of(origin, lane.epoch, bases, verdicts=ack is Ack.STORED),
        )
        self._admit(lane, draft.weight, origin, now)
        begun = self._clock.monotonic()
        position = await self._placed(lane, draft, origin.sender, durable=ack is not Ack.ACCEPTED)
        self._observer(
            RecordsAccepted(
                collection=lane.collection.name,
                noun=lane.collection.noun,
                count=draft.count,
                payload_bytes=len(draft.payload),
                seconds=self._clock.monotonic() - begun,
                trace=origin.trace,
            )
        )
        return draft.at(position.first)

    async def _placed(self, lane: PendingLane, draft: FrameDraft, sender: str, *, durable: bool) -> Position:
        weight, shares = draft.weight, self._admission.shares
        shares.take(sender, weight)
        lane.in_flight += weight
        try:
            position = await self._buffer.append(lane.collection.name, draft, durable=durable)
        except BaseException as error:
            shares.give_back(sender, weight)
            if isinstance(error, JournalFailed):
                self._fail()
            raise
        finally:
            lane.in_flight -= weight
        shares.placed(lane.collection.name, position.last, sender, weight)
        return position

    def _admit(self, lane: PendingLane, weight: int, origin: Origin, now: datetime) -> None:
        if self.failed:
            raise JournalFailed
        if not self._accepting:
            raise Draining(retry_after=RETRY_SOON)
        self._admission.check(lane, weight, origin, now)

    def _fail(self) -> None:
        if not self.failed:
            self.failed = True
            self.on_failure()

    def _acceptance(self, lane: PendingLane, frame: Frame, checked: Checked) -> Acceptance:
        receipt = Receipt(self.instance, lane.collection.name, lane.epoch, frame.sequence, frame.last)
        return Acceptance(
            receipt=receipt,
            count=frame.count,
            first_revision=frame.first_revision,
            keys=checked.outline.keys,
            errors=checked.errors,
        )


def headers_of(origin: Origin, epoch: int, bases: tuple[int, ...] = (), *, verdicts: bool = False) -> FrameHeaders:
    """The frame headers that say where a request came from, and under which key."""
    trace = origin.trace.traceparent if origin.trace else None
    given = FrameHeaders(base_revisions=bases, principal=origin.principal, trace=trace, verdicts=verdicts)
    if origin.part is None:
        return given
    return msgspec.structs.replace(
        given,
        idempotency_key=origin.part.key.scoped,
        body_digest=origin.part.digest,
        part=origin.part.number,
        epoch=epoch,
        keys=origin.part.keys,
    )

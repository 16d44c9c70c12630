"""Intake: what it takes for a batch to be acknowledged, and what is pending since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from domain.errors import (
    BufferFull,
    Draining,
    JournalFailed,
    PayloadTooLarge,
    Replaying,
)
from domain.model.changes import Acceptance
from domain.model.collections import Collection
from domain.model.frames import BufferDepth, Frame, FrameDraft, FrameHeaders, FrameKind
from domain.model.observations import BufferMeasured, RecordsAccepted, ServiceStarting
from domain.model.origin import Origin
from domain.model.policies import BufferPolicy
from domain.model.receipts import Receipt
from domain.model.records import Record
from domain.services.replay import PendingLane, replay
from domain.services.revisions import RevisionIssuer
from domain.services.schema import Checked, Outline, Schemas
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
    ) -> None:
        self._lanes = {c.name: PendingLane(c, schemas.of(c.name)) for c in collections}
        self._buffer = buffer
        self._receipts = receipts
        self._issuer = issuer
        self._policy = policy
        self._observer = observer
        self._clock = clock
        self._accepting = False
        self._retiring = False
        self._replays: list[asyncio.Task[None]] = []
        self.failed = False  # an fsync failed: nothing is acknowledged any more
        self.on_failure: Callable[[], None] = lambda: None  # told once, when the journal fails

    async def start(self) -> None:
        """Open an epoch on every lane and take records at once; what is pending is indexed meanwhile."""
        await self._issuer.start()
        self._observer(ServiceStarting(instance=self.instance))
        for name, lane in self._lanes.items():
            depth = await self._buffer.depth(name)
            lane.unseen = depth.weight
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
        for task in self._replays:
            task.cancel()
        await asyncio.gather(*self._replays, return_exceptions=True)
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

    async def accept(
        self, collection: Collection, payload: bytes, *, partial: bool = False, origin: Origin = NOBODY
    ) -> Acceptance:
        """Take a JSON array of records; returns when they would survive a power loss.

        Raises InvalidRecords, MalformedBody, PayloadTooLarge, BufferFull, JournalFull, JournalFailed, Draining.
        """
        lane = self._lanes[collection.name]
        now = self._clock.now()
        checked = lane.schema.check(payload, now, partial=partial)
        frame = await self._append(lane, checked, now, FrameKind.WRITE, headers_of(origin))
        lane.view.add(frame, checked.outline)
        return self._acceptance(lane, frame, checked, origin)

    async def bury(self, collection: Collection, payload: bytes, outline: Outline, *, origin: Origin) -> Acceptance:
        """Take tombstones, as a delete frame's payload and its outline."""
        lane = self._lanes[collection.name]
        checked = Checked(payload=payload, outline=outline)
        frame = await self._append(lane, checked, self._clock.now(), FrameKind.DELETE, headers_of(origin))
        lane.view.add(frame, outline)
        return self._acceptance(lane, frame, checked, origin)

    async def accept_conditional(
        self, collection: Collection, checked: Checked, bases: tuple[int, ...], kind: FrameKind, *, origin: Origin
    ) -> Frame:
        """Take whole records that build on base revisions; they are shown when their flush has judged them."""
        lane = self._lanes[collection.name]
        frame = await self._append(lane, checked, self._clock.now(), kind, headers_of(origin, bases))
        lane.view.conceal(frame)
        self._acceptance(lane, frame, checked, origin)
        return frame

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
        view = self._lanes[lane].view
        view.applied(through)

    async def depths(self) -> Mapping[str, BufferDepth]:
        """How much waits, by collection."""
        depths = {name: await self._buffer.depth(name) for name in self._lanes}
        for name, depth in depths.items():
            noun = self._lanes[name].collection.noun
            self._observer(
                BufferMeasured(collection=name, noun=noun, records=depth.records, payload_bytes=depth.payload_bytes)
            )
        return depths

    async def _append(
        self, lane: PendingLane, checked: Checked, now: datetime, kind: FrameKind, headers: FrameHeaders
    ) -> Frame:
        first = await self._issuer.issue(checked.count)
        draft = FrameDraft(
            accepted_at=now,
            first_revision=first,
            count=checked.count,
            payload=checked.payload,
            kind=kind,
            headers=headers,
        )
        self._admit(lane, draft.weight)
        lane.in_flight += draft.weight
        try:
            position = await self._buffer.append(lane.collection.name, draft)
        except JournalFailed:
            self._fail()
            raise
        finally:
            lane.in_flight -= draft.weight
        return in_log(draft, position.first)

    def _admit(self, lane: PendingLane, weight: int) -> None:
        if self.failed:
            raise JournalFailed
        if not self._accepting:
            raise Draining(retry_after=RETRY_SOON)
        bound = self._policy.max_bytes
        share = int(bound * self._policy.lane_share)
        if weight > share:
            raise PayloadTooLarge(
                f"The batch counts {weight} bytes; the buffer has room for {share}. Send fewer at once."
            )
        total = sum(other.weight for other in self._lanes.values())
        if total + weight > bound or lane.weight + weight > share:
            raise BufferFull(
                f"{lane.collection.name} waits with {lane.weight} bytes, all with {total} of {bound}.",
                retry_after=RETRY_SOON,
            )

    def _fail(self) -> None:
        if not self.failed:
            self.failed = True
            self.on_failure()

    def _acceptance(self, lane: PendingLane, frame: Frame, checked: Checked, origin: Origin) -> Acceptance:
        collection = lane.collection
        self._observer(
            RecordsAccepted(
                collection=collection.name,
                noun=collection.noun,
                count=frame.count,
                payload_bytes=len(frame.payload),
                trace=origin.trace,
            )
        )
        receipt = Receipt(self.instance, collection.name, lane.epoch, frame.sequence, frame.last)
        return Acceptance(receipt=receipt, count=frame.count, errors=checked.errors)


def headers_of(origin: Origin, bases: tuple[int, ...] = ()) -> FrameHeaders:
    """The frame headers that say where a request came from."""
    trace = origin.trace.traceparent if origin.trace else None
    return FrameHeaders(base_revisions=bases, principal=origin.principal, trace=trace)


def in_log(draft: FrameDraft, sequence: int) -> Frame:
    """A draft that the log gave its place."""
    return Frame(
        accepted_at=draft.accepted_at,
        first_revision=draft.first_revision,
        count=draft.count,
        payload=draft.payload,
        kind=draft.kind,
        headers=draft.headers,
        sequence=sequence,
    )

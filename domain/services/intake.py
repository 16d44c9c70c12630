"""Batches on their way in: taken once, and answered for at the level that was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from domain.errors import Unavailable
from domain.model.acks import Ack
from domain.model.changes import Acceptance, WriteOutcome
from domain.model.collections import Collection
from domain.model.idempotency import IdempotencyKey, KeyedFrame
from domain.model.origin import Origin
from domain.model.policies import BufferPolicy
from domain.model.records import Verdict
from domain.model.revisions import run
from domain.services.buffer import NOBODY, BufferManager
from domain.services.flush import FlushEngine
from domain.services.idempotency import Attempt, Idempotency
from domain.services.schema import Schemas
from domain.services.sealing import Sealing
from ports.receipts import Receipts


class Intake:
    """What stands between the door and the buffer: keys before it, verdicts behind it."""

    def __init__(
        self,
        schemas: Schemas,
        buffer: BufferManager,
        flush: FlushEngine,
        receipts: Receipts,
        idempotency: Idempotency,
        policy: BufferPolicy,
        sealing: Sealing | None = None,
    ) -> None:
        """``sealing``: where fields are encrypted, of which a digest could tell."""
        self._sealing = sealing or Sealing()
        self._schemas = schemas
        self._buffer = buffer
        self._flush = flush
        self._receipts = receipts
        self._idempotency = idempotency
        self._deadline = policy.read_deadline_seconds

    @asynccontextmanager
    async def attempt(self, collection: Collection, key: IdempotencyKey) -> AsyncIterator[Attempt]:
        """A request about a collection, under its key. Raises Replaying, IdempotencyKeyInProgress."""
        await self._buffer.replayed(collection.name, self._deadline)  # until then, not all keys are known
        async with self._idempotency.attempt(key, partial(self._sealing.hidden, collection)) as attempt:
            yield attempt

    async def take(
        self,
        collection: Collection,
        payload: bytes,
        *,
        partial: bool = False,
        ack: Ack = Ack.JOURNALED,
        origin: Origin = NOBODY,
        attempt: Attempt,
        part: int = 0,
        digest: bytes | None = None,
    ) -> Acceptance:
        """Take one part of a request, or say how it was taken before; ``digest``: of the part, where it has its own.

        Raises IdempotencyKeyReused, and what ``BufferManager.accept`` raises.
        """
        found = attempt.taken(part, digest)
        if found is not None:
            return self._as_taken(collection, payload, found, partial=partial)
        named = attempt.named(origin, part, digest)
        return await self._buffer.accept(collection, payload, partial=partial, ack=ack, origin=named)

    def _as_taken(self, collection: Collection, payload: bytes, found: KeyedFrame, *, partial: bool) -> Acceptance:
        """The answer follows from the same body: it is judged again, as of the time when it was taken."""
        schema = self._schemas.of(collection.name)
        checked = schema.check(payload, found.accepted_at, partial=partial)
        checked = schema.named(checked, found.first_revision, self._buffer.salt)
        return Acceptance(
            receipt=found.receipt,
            count=found.receipt.count,
            first_revision=found.first_revision,
            keys=checked.outline.keys,
            errors=checked.errors,
        )

    async def outcomes(
        self, collection: Collection, taken: Sequence[Acceptance], timeout: float
    ) -> Sequence[WriteOutcome] | None:
        """A verdict for each record, in order; None where not all are known within ``timeout`` seconds."""
        ends = [acceptance.receipt.last for acceptance in taken]
        if not await self._flush.wait_applied(collection, ends, timeout, counts_holds=True):
            return None
        found: list[WriteOutcome] = []
        try:
            for acceptance in taken:
                found += await self._judged(acceptance)
        except Unavailable:
            return None  # they are taken, which an error would deny; the receipt tells the verdicts later
        return found

    async def _judged(self, taken: Acceptance) -> Iterable[WriteOutcome]:
        receipt = taken.receipt
        exceptions = {
            found.sequence - receipt.first: found
            for found in await self._receipts.exceptions(receipt.lane, receipt.first, receipt.last)
        }
        return [
            WriteOutcome(
                key=key,
                verdict=exceptions[index].verdict if index in exceptions else Verdict.STORED,
                revision=revision,
                exception=exceptions.get(index),
            )
            for index, (key, revision) in enumerate(
                zip(taken.keys, run(taken.first_revision, taken.count), strict=True)
            )
        ]

"""Changes that depend on the state they name: PATCH, DELETE and their preconditions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import compress

import msgspec

from domain.errors import (
    DecryptionFailed,
    FlushIncomplete,
    InvalidRecords,
    ItemError,
    PayloadTooLarge,
    PreconditionFailed,
    RecordNotFound,
    WriteConflict,
)
from domain.model.changes import ChangeResult, Replaced
from domain.model.collections import Collection
from domain.model.frames import FrameKind
from domain.model.origin import Origin
from domain.model.policies import MAX_BATCH_BYTES, BufferPolicy
from domain.model.receipts import WriteException
from domain.model.records import EPOCH, Record
from domain.model.revisions import nth
from domain.services.buffer import NOBODY, BufferManager
from domain.services.flush import FlushEngine
from domain.services.idempotency import Attempt
from domain.services.key_locks import KeyLocks
from domain.services.merging import Members, Proposal, creation, merged, proposal, proposals, replacement
from domain.services.outcomes import (
    Change,
    as_before,
    held_by_others,
    judged,
    stale,
    taken,
    twice,
    unique_value,
)
from domain.services.query import QueryService
from domain.services.registry import StorageBackendRegistry
from domain.services.rules import MAX_AHEAD
from domain.services.schema import Checked, RecordSchema, Schemas, Tombstone, tombstone_outline
from ports.abilities import ConditionalWrites, UniqueFields
from ports.ambient import Clock
from ports.receipts import Receipts

TRIES = 4  # the first and three more after conflicts
NO_KEY = Attempt()
ANY = "*"  # If-Match: any visible record
NEVER = 0  # base revision of a key that was never written


_Propose = Callable[[Collection, Proposal], Awaitable[Change]]


class ChangeService:
    """Reads the visible record under a lock, merges, appends with the base revision, waits for the verdict."""

    def __init__(
        self,
        registry: StorageBackendRegistry,
        schemas: Schemas,
        buffer: BufferManager,
        flush: FlushEngine,
        query: QueryService,
        receipts: Receipts,
        policy: BufferPolicy,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._schemas = schemas
        self._buffer = buffer
        self._flush = flush
        self._query = query
        self._receipts = receipts
        self._deadline = policy.read_deadline_seconds
        self._clock = clock
        self._locks = KeyLocks()

    async def patch(
        self,
        collection: Collection,
        key: str,
        patch: bytes,
        *,
        if_match: Sequence[str] | None = None,
        origin: Origin = NOBODY,
        attempt: Attempt = NO_KEY,
    ) -> Record:
        """Merge a patch into one record and return the stored result; where that was done before, the visible record.

        Raises RecordNotFound, PreconditionFailed, WriteConflict, VersionStale, InvalidRecords, Unavailable.
        """
        change = proposal(collection, 0, patch, key)

        async def merge() -> Change:
            return self._merge(collection, change, await self._base(collection, key, if_match))

        async with self._locks.held(collection.name, [key]):
            if await self._stored_before(collection, attempt):
                return self._query.opened(collection, await self._base(collection, key, None))
            is_exact = if_match is not None and ANY not in if_match
            return await self._stored(collection, merge, origin, attempt, is_exact=is_exact)

    async def create(
        self,
        collection: Collection,
        body: bytes,
        fresh: str,
        *,
        origin: Origin = NOBODY,
        attempt: Attempt = NO_KEY,
    ) -> Record:
        """Store a whole record under a key that none has; ``fresh``: its key where it names none itself.

        Raises ValueTaken, WriteConflict, InvalidRecords, RecordRefused, MalformedBody, Unavailable.
        """
        change = creation(collection, body, fresh)
        try:
            stored = await self.replace(
                collection, change.key, change.members, only_new=True, origin=origin, attempt=attempt
            )
        except PreconditionFailed:
            raise taken(collection, 0, collection.key) from None
        return stored.record

    async def replace(
        self,
        collection: Collection,
        key: str,
        members: Members,
        *,
        if_match: Sequence[str] | None = None,
        only_new: bool = False,
        origin: Origin = NOBODY,
        attempt: Attempt = NO_KEY,
    ) -> Replaced:
        """Store a whole record in the place of the visible one, or as a new one; return both, once it is stored.

        ``members``: all fields but the key; ``only_new``: only where nothing is visible.
        Raises PreconditionFailed, WriteConflict, ValueTaken, InvalidRecords, RecordRefused, Unavailable.
        """
        former: Record | None = None

        async def whole() -> Change:
            nonlocal former
            state = await self._query.state(collection, key)
            former = state if state is not None and state.deleted_at is None else None
            if only_new and former is not None:
                raise PreconditionFailed(current=self._query.opened(collection, former))
            if if_match is not None:
                await self._base(collection, key, if_match)
            return self._whole(collection, Proposal(index=0, key=key, members=members), state)

        async with self._locks.held(collection.name, [key]):
            for stored in await self._stored_before(collection, attempt):
                record = self._query.opened(collection, await self._base(collection, stored, None))
                return Replaced(record=record, former=None)
            is_exact = only_new or (if_match is not None and ANY not in if_match)
            record = await self._stored(collection, whole, origin, attempt, is_exact=is_exact)
        return Replaced(record=record, former=former)

    async def patch_many(
        self, collection: Collection, payload: bytes, *, origin: Origin = NOBODY, attempt: Attempt = NO_KEY
    ) -> tuple[ChangeResult, ...]:
        """Merge many patches, each an object with its key. Answers and raises as ``replace_many``."""
        return await self._many(collection, payload, self._patched, origin, attempt)

    async def replace_many(
        self, collection: Collection, payload: bytes, *, origin: Origin = NOBODY, attempt: Attempt = NO_KEY
    ) -> tuple[ChangeResult, ...]:
        """Store many whole records, each in the place of the visible one or as a new one; one result per item, in
        order. What was stored before under the same key is not done again.

        Raises InvalidRecords where an item is no change at all, and PayloadTooLarge where the whole records are more
        than a frame may hold; nothing is written then.
        """
        return await self._many(collection, payload, self._replaced, origin, attempt)

    async def _many(
        self, collection: Collection, payload: bytes, propose: _Propose, origin: Origin, attempt: Attempt
    ) -> tuple[ChangeResult, ...]:
        todo: Sequence[Proposal] = proposals(collection, payload)
        async with self._locks.held(collection.name, [change.key for change in todo]):
            before = await self._stored_before(collection, attempt)
            results = twice(collection, todo)
            results.update({c.index: as_before(c, before[c.key]) for c in todo if c.key in before})
            todo = [change for change in todo if change.index not in results]
            for _ in range(TRIES):
                if not todo:
                    break
                await self._query.catch_up(collection)
                found = await self._round(collection, todo, propose, origin, attempt)
                results.update({result.index: result for result in found})
                todo = [change for change in todo if isinstance(results[change.index].problem, WriteConflict)]
        return tuple(results[index] for index in sorted(results))

    async def delete(
        self,
        collection: Collection,
        key: str,
        *,
        if_match: Sequence[str] | None = None,
        origin: Origin = NOBODY,
        attempt: Attempt = NO_KEY,
    ) -> None:
        """Leave a tombstone that is not older than the visible record, unless that was done before.

        Raises RecordNotFound, PreconditionFailed, Unavailable.
        """
        async with self._locks.held(collection.name, [key]):
            if attempt.frames and (if_match is None or await self._stored_before(collection, attempt)):
                return
            await self._query.catch_up(collection)
            base = await self._base(collection, key, if_match)
            moment = max(self._clock.now(), base.updated_at)
            stone = Tombstone(key=key, created_at=base.created_at, updated_at=moment)
            payload, outline = msgspec.json.encode([stone]), tombstone_outline([stone])
            origin = attempt.named(origin, keys=[key])
            if if_match is None:
                receipt = (await self._buffer.bury(collection, payload, outline, origin=origin)).receipt
                if collection.unique_field is not None:  # else who was told of the delete could not use the value
                    await self._exceptions(collection, receipt.first, receipt.last)
                return
            self._registry.ability(collection, ConditionalWrites)
            frame = await self._buffer.accept_conditional(
                collection,
                Checked(payload=payload, outline=outline),
                (base.revision,),
                FrameKind.DELETE,
                origin=origin,
            )
            if await self._exceptions(collection, frame.sequence, frame.last):
                raise PreconditionFailed(current=await self._query.visible(collection, key))

    async def _stored(
        self,
        collection: Collection,
        propose: Callable[[], Awaitable[Change]],
        origin: Origin,
        attempt: Attempt,
        *,
        is_exact: bool,
    ) -> Record:
        """Try a change until it is stored; ``is_exact``: what it names was overtaken if it conflicts."""
        for _ in range(TRIES):
            await self._query.catch_up(collection)
            change = await propose()
            result = (await self._attempt(collection, [change], origin, attempt))[0]
            if result.record is not None:
                return result.record
            if result.problem is not None and not isinstance(result.problem, WriteConflict):
                raise result.problem
            if is_exact:
                raise PreconditionFailed(current=await self._query.visible(collection, change.base.key))
        raise WriteConflict

    async def _base(self, collection: Collection, key: str, if_match: Sequence[str] | None) -> Record:
        """The visible record as it is stored: whoever replaces or deletes it needs no key of what is encrypted."""
        visible = await self._query.state(collection, key)
        if visible is None or visible.deleted_at is not None:
            if if_match is not None:
                raise PreconditionFailed(f"{collection.name} has no record {key!r}.")
            raise RecordNotFound(f"{collection.name} has no record {key!r}.")
        if if_match is not None and ANY not in if_match and visible.tag not in if_match:
            raise PreconditionFailed(current=self._query.opened(collection, visible))
        return visible

    async def _stored_before(self, collection: Collection, attempt: Attempt) -> dict[str, int]:
        """The revisions that former attempts of a request stored, by key. Raises FlushIncomplete."""
        stored: dict[str, int] = {}
        for frame in attempt.frames:
            failed = {found.sequence for found in await self._exceptions(collection, frame.first, frame.last)}
            for place, key in enumerate(frame.part.keys):
                if frame.first + place not in failed:
                    stored[key] = nth(frame.first_revision, place)
        return stored

    async def _patched(self, collection: Collection, change: Proposal) -> Change:
        return self._merge(collection, change, await self._base(collection, change.key, None))

    async def _replaced(self, collection: Collection, change: Proposal) -> Change:
        return self._whole(collection, change, await self._query.state(collection, change.key))

    def _whole(self, collection: Collection, change: Proposal, state: Record | None) -> Change:
        """A whole record in the place of ``state``, which may be a tombstone, or none at all."""
        now = self._clock.now()
        base = state or Record(values=(change.key,), created_at=now, updated_at=EPOCH, revision=NEVER)
        return Change(index=change.index, base=base, text=replacement(collection, base, change.members, now))

    def _merge(self, collection: Collection, change: Proposal, base: Record) -> Change:
        text = merged(collection, self._query.opened(collection, base), change.members, self._clock.now())
        return Change(index=change.index, base=base, text=text)

    async def _round(
        self, collection: Collection, todo: Sequence[Proposal], propose: _Propose, origin: Origin, attempt: Attempt
    ) -> list[ChangeResult]:
        """One try of the items that have no final verdict yet."""
        ready: list[Change] = []
        results: list[ChangeResult] = []
        size = 0
        for change in todo:
            try:
                ready.append(await propose(collection, change))
            except (RecordNotFound, DecryptionFailed) as problem:
                results.append(ChangeResult(index=change.index, key=change.key, verdict=None, problem=problem))
                continue
            size += len(ready[-1].text)
            if size > MAX_BATCH_BYTES:
                raise PayloadTooLarge(f"The whole records have more than {MAX_BATCH_BYTES} bytes; send fewer at once.")
        return results + await self._attempt(collection, ready, origin, attempt)

    async def _attempt(
        self, collection: Collection, changes: Sequence[Change], origin: Origin, attempt: Attempt
    ) -> list[ChangeResult]:
        """Append whole records on their bases, wait for the flush, and read the verdicts."""
        self._registry.ability(collection, ConditionalWrites)
        if collection.unique_field is not None:
            self._registry.ability(collection, UniqueFields)
        if not changes:
            return []
        if blocked := await self._blocked(collection, changes):
            known = {result.index for result in blocked}
            rest = [change for change in changes if change.index not in known]
            return blocked + await self._attempt(collection, rest, origin, attempt)
        schema = self._schemas.of(collection.name)
        checked = _checked(schema, changes, self._clock)
        written_at = checked.outline.updated_at
        late = [moment < change.base.updated_at for change, moment in zip(changes, written_at, strict=True)]
        if any(late):
            outdated = [stale(change) for change in compress(changes, late)]
            fresh = [change for change, is_late in zip(changes, late, strict=True) if not is_late]
            return outdated + await self._attempt(collection, fresh, origin, attempt)
        bases = tuple(change.base.revision for change in changes)
        origin = attempt.named(origin, keys=[change.base.key for change in changes])
        frame = await self._buffer.accept_conditional(collection, checked, bases, FrameKind.WRITE, origin=origin)
        found = await self._exceptions(collection, frame.sequence, frame.last)
        records = schema.records(msgspec.structs.replace(frame, payload=checked.payload))  # before it was encrypted
        exceptions = {exception.sequence: exception for exception in found}
        return [
            judged(collection, change, record, exceptions.get(frame.sequence + place))
            for place, (change, record) in enumerate(zip(changes, records, strict=True))
        ]

    async def _blocked(self, collection: Collection, changes: Sequence[Change]) -> list[ChangeResult]:
        """Those that would take the value of a record which the store's unique index does not see."""
        held = await self._query.plainly_held(collection, (unique_value(collection, each) for each in changes))
        return held_by_others(collection, changes, held) if held else []

    async def _exceptions(self, collection: Collection, first: int, last: int) -> Sequence[WriteException]:
        if not await self._flush.wait_applied(collection, [last], self._deadline):
            raise FlushIncomplete(
                f"The change is journaled and waits for the backend of {collection.name}; ask again for its outcome.",
                retry_after=1.0,
            )
        return await self._receipts.exceptions(collection.name, first, last)


def _checked(schema: RecordSchema, changes: Sequence[Change], clock: Clock) -> Checked:
    """The whole records of the changes, judged like any batch; faults point at the items as they were sent.

    What the stored records say is no news, even if the clock was set back since: they may be as far ahead as they are.
    """
    payload = b"[" + b",".join(change.text for change in changes) + b"]"
    latest = max(max(change.base.created_at, change.base.updated_at) for change in changes)
    try:
        return schema.check(payload, max(clock.now(), latest - MAX_AHEAD))
    except InvalidRecords as problem:
        places = [change.index for change in changes]
        detail = "Some changes would break a rule; nothing was written. `errors` names the places."
        raise InvalidRecords(detail, errors=tuple(_moved(error, places) for error in problem.errors)) from None


def _moved(error: ItemError, places: Sequence[int]) -> ItemError:
    _, place, *rest = error.pointer.split("/")
    return msgspec.structs.replace(error, pointer="/".join(["", str(places[int(place)]), *rest]))

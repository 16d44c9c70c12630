"""What people do about refused records: look at them, repair and replay them, purge them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC

import msgspec

from domain.errors import (
    AbilityMissing,
    DeadLetterNotFound,
    DecryptionFailed,
    InvalidRecords,
    MalformedBody,
    PayloadTooLarge,
    Unavailable,
    UnknownCollection,
)
from domain.model.collections import Collection
from domain.model.dead_letters import (
    DeadLetter,
    LetterBounds,
    LetterCause,
    LetterFilter,
    LetterId,
    LetterLevel,
    Replayed,
    Sweep,
)
from domain.model.frames import FrameKind
from domain.model.observations import DeadLettersMeasured, DeadLettersPurged, DeadLettersReplayed
from domain.model.origin import Origin
from domain.services.buffer import NOBODY, BufferManager
from domain.services.flush import FlushEngine
from domain.services.letter_replay import Again, again, outcome
from domain.services.registry import StorageBackendRegistry
from domain.services.schema import Schemas
from domain.services.sealing import Sealing
from ports.abilities import ConditionalWrites
from ports.ambient import Clock, Observer
from ports.dead_letters import DeadLetters
from ports.receipts import Receipts

_AT_ONCE = 64  # letters journaled together: they share an fsync, and are then removed together
_PURGED_AT_ONCE = 1000
_STILL_BAD = (AbilityMissing, DecryptionFailed, InvalidRecords, MalformedBody, PayloadTooLarge, UnknownCollection)


class DeadLetterService:
    """A letter leaves the store only when its record is durable in the log again, or was purged.

    A crash in between leaves both, and another replay is then an equal version, which changes nothing.
    """

    def __init__(
        self,
        letters: DeadLetters,
        bounds: LetterBounds,
        registry: StorageBackendRegistry,
        schemas: Schemas,
        buffer: BufferManager,
        flush: FlushEngine,
        receipts: Receipts,
        observer: Observer,
        clock: Clock,
        sealing: Sealing | None = None,
    ) -> None:
        """``sealing``: where fields are encrypted, which they are in letters, too, until they are replayed."""
        self._sealing = sealing or Sealing()
        self._letters = letters
        self._bounds = bounds
        self._registry = registry
        self._schemas = schemas
        self._buffer = buffer
        self._flush = flush
        self._receipts = receipts
        self._observer = observer
        self._clock = clock
        self._removing = asyncio.Lock()  # who replays or purges a letter finds it there, or learns that another did

    async def find(self, where: LetterFilter, *, after: LetterId | None, limit: int) -> Sequence[DeadLetter]:
        """Letters in order of their ids; fewer than ``limit`` do not mean that there are no more, none does."""
        return await self._letters.find(where, after=after, limit=limit)

    async def get(self, letter_id: LetterId) -> DeadLetter:
        """One letter. Raises DeadLetterNotFound."""
        letter = await self._letters.get(letter_id)
        if letter is None:
            raise DeadLetterNotFound(f"There is no dead letter {letter_id}.")
        return letter

    async def causes(self) -> Sequence[LetterCause]:
        """How many there are for which reason."""
        return await self._letters.causes()

    async def level(self) -> LetterLevel:
        """How full the store is; told to the observer, too."""
        causes = await self._letters.causes()
        records, weight = sum(cause.records for cause in causes), sum(cause.weight for cause in causes)
        level = LetterLevel(records=records, weight=weight, bounds=self._bounds)
        by_lane = Counter({collection.name: 0 for collection in self._registry.collections})
        for cause in causes:
            by_lane[cause.lane] += cause.records
        for name, number in by_lane.items():
            self._observer(DeadLettersMeasured(collection=name, records=number, full=level.is_full))
        return level

    async def replay(
        self, letter_id: LetterId, edited: bytes | None, *, timeout: float, origin: Origin = NOBODY
    ) -> Replayed:
        """Journal a letter's record again in its version, and wait ``timeout`` seconds for what becomes of it.

        ``edited``: JSON of a whole record to take its place: a write of the same time, with a revision of its own.
        Raises DeadLetterNotFound, NotReplayable, InvalidRecords, Unavailable, AbilityMissing where it is a conditional
        write and its collection has been moved to a backend that has none.
        """
        async with self._removing:
            letter = await self.get(letter_id)
            journaled = await self._journal(letter, edited, origin)
            await self._letters.remove([letter_id])
        self._observer(DeadLettersReplayed(count=1, trace=origin.trace))
        (replayed,) = await self._outcomes([(letter, journaled)], timeout)
        return replayed

    async def sweep(
        self, where: LetterFilter, *, after: LetterId | None, limit: int, timeout: float, origin: Origin = NOBODY
    ) -> Sweep:
        """Replay up to ``limit`` letters, those that are refused again not among them.

        Raises Unavailable where none could be journaled.
        """
        now = self._clock.now().astimezone(UTC).isoformat()
        where = msgspec.structs.replace(where, before=where.before or now)
        journaled: list[tuple[DeadLetter, Again]] = []
        kept = 0
        async with self._removing:
            letters = await self._letters.find(where, after=after, limit=limit)
            for begin in range(0, len(letters), _AT_ONCE):
                taken, still_bad, failure = await self._journal_many(letters[begin : begin + _AT_ONCE], origin)
                journaled += taken
                kept += still_bad
                if failure is not None:
                    letters = letters[: letters.index(failure[0])]
                    if not journaled:
                        raise failure[1]
                    break
        self._observer(DeadLettersReplayed(count=len(journaled), trace=origin.trace))
        verdicts = Counter(done.verdict or "pending" for done in await self._outcomes(journaled, timeout))
        last = letters[-1].id if letters else after
        return Sweep(verdicts=verdicts, kept=kept, last=last, before=where.before or now)

    async def purge(self, letter_id: LetterId, *, origin: Origin = NOBODY) -> None:
        """Forget a letter for good. Raises DeadLetterNotFound."""
        async with self._removing:
            removed = await self._letters.remove([letter_id])
        if not removed:
            raise DeadLetterNotFound(f"There is no dead letter {letter_id}.")
        self._observer(DeadLettersPurged(count=1, trace=origin.trace))

    async def purge_all(self, where: LetterFilter, *, origin: Origin = NOBODY) -> int:
        """Forget for good what matches now; returns how many letters that were."""
        now = self._clock.now().astimezone(UTC).isoformat()
        where = msgspec.structs.replace(where, before=where.before or now)
        purged = 0
        while found := await self._purge_some(where):
            purged += found
        self._observer(DeadLettersPurged(count=purged, trace=origin.trace))
        return purged

    async def _purge_some(self, where: LetterFilter) -> int:
        async with self._removing:
            return await self._letters.purge(where, limit=_PURGED_AT_ONCE)

    async def _journal(self, letter: DeadLetter, edited: bytes | None, origin: Origin) -> Again:
        collection = self._collection(letter)
        if letter.base_revision is not None:
            self._registry.ability(collection, ConditionalWrites)
        schema, now = self._schemas.of(letter.lane), self._clock.now()
        if letter.is_replayable and letter.kind is FrameKind.WRITE:
            readable = self._sealing.opened_text(collection, letter.key, edited or letter.record)
            letter = msgspec.structs.replace(letter, record=readable)
            edited = readable if edited is not None else None
        return await again(letter, edited, collection, schema, self._buffer, now=now, origin=origin)

    async def _journal_many(
        self, letters: Sequence[DeadLetter], origin: Origin
    ) -> tuple[list[tuple[DeadLetter, Again]], int, tuple[DeadLetter, Unavailable] | None]:
        """Those that were journaled, how many can never be, and the first that could not be now."""
        fit = [letter for letter in letters if letter.is_replayable]
        found = await asyncio.gather(*(self._journal(each, None, origin) for each in fit), return_exceptions=True)
        taken: list[tuple[DeadLetter, Again]] = []
        still_bad, failure = len(letters) - len(fit), None
        for letter, result in zip(fit, found, strict=True):
            if isinstance(result, Again):
                taken.append((letter, result))
            elif isinstance(result, _STILL_BAD):
                still_bad += 1
            elif not isinstance(result, Unavailable):
                raise result
            elif failure is None:
                failure = (letter, result)
        await self._letters.remove([letter.id for letter, _ in taken])
        return taken, still_bad, failure

    async def _outcomes(self, journaled: Sequence[tuple[DeadLetter, Again]], timeout: float) -> list[Replayed]:
        """What became of each, collection by collection."""
        done: list[Replayed] = []
        deadline = self._clock.monotonic() + timeout
        for lane in sorted({letter.lane for letter, _ in journaled}):
            mine = [each for each in journaled if each[0].lane == lane]
            done += await self._outcomes_in(self._collection(mine[0][0]), mine, deadline - self._clock.monotonic())
        return done

    async def _outcomes_in(
        self, collection: Collection, journaled: Sequence[tuple[DeadLetter, Again]], timeout: float
    ) -> list[Replayed]:
        sequences = [each.frame.sequence for _, each in journaled]
        in_time = await self._flush.wait_applied(collection, sequences, max(timeout, 0.001))
        exceptions = {}
        if in_time:
            found = await self._receipts.exceptions(collection.name, min(sequences), max(sequences))
            exceptions = {each.sequence: each for each in found}
        backend = self._registry.backend(collection)
        return [
            await outcome(letter, each, exceptions.get(each.frame.sequence), collection, backend, in_time=in_time)
            for letter, each in journaled
        ]

    def _collection(self, letter: DeadLetter) -> Collection:
        return self._registry.collection(letter.lane)

"""Encrypting anew what is stored: under the key that is active, and what was written before it was encrypted at all.

Nothing that a client has written is touched: the texts of a record are exchanged where it still has the version that
was read. So there is no revision to give, no tag changes, and a write that comes meanwhile stays.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from domain.errors import AbilityMissing, DecryptionFailed, PersistenceError, RecordRefused, UnexpectedFailure
from domain.model.collections import Collection
from domain.model.dead_letters import EVERY_LETTER
from domain.model.observations import RecordsRewrapped, RewrapFailed
from domain.model.query import Condition, CountMode, Operator, Query, ordered
from domain.model.records import Record
from domain.model.sealed import MARK
from domain.services.registry import StorageBackendRegistry
from domain.services.sealing import PLAIN, Sealing
from ports.abilities import Dumping, Rewriting
from ports.ambient import Clock, Observer
from ports.dead_letters import DeadLetters
from ports.storage_backend import StorageBackend

_UNDER = re.compile(rb'"enc1\.[A-Za-z0-9_-]*\.([a-z0-9][a-z0-9_-]*)\.')
PORTION = 100  # records of one transaction: as long as they are locked, writers of the same ones wait
SHARE = 0.1  # of this process's time that looks take at most
RATE = 2000.0  # records that are encrypted anew in a second, at most
FIRST_SECONDS = 5.0
AGAIN_SECONDS = 60.0  # after passes that were not clean; twice as many each time that they came no further
SWEEP_SECONDS = 24 * 3600.0


class Pass(msgspec.Struct, kw_only=True):
    """One look at a whole collection."""

    records: int = 0  # seen so far
    values: Counter[str] = msgspec.field(default_factory=Counter)  # by the key that they were found under
    rewritten: int = 0  # records
    unreadable: int = 0  # records
    finished_at: datetime | None = None  # aware, UTC; None: it has not seen everything
    trouble: str = ""  # why it ended early, or could not do all

    @property
    def finished(self) -> bool:
        """Whether it has seen everything."""
        return self.finished_at is not None

    @property
    def is_clean(self) -> bool:
        """Whether it has seen everything and left everything as it is."""
        return self.finished and not self.rewritten and not self.trouble


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """What is known to be encrypted under a key."""

    values: int  # in stored records, when they were looked at
    dead_letters: int  # values in dead letters, likewise


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the latest look at a collection is."""

    encrypted: tuple[str, ...]  # fields
    records: int  # seen
    plain: int  # values that it found unencrypted
    rewritten: int  # records
    unreadable: int  # records
    finished: bool
    finished_at: datetime | None  # aware, UTC; what was written since is in none of these numbers
    last_error: str | None


class KeyringState(msgspec.Struct, frozen=True, kw_only=True):
    """The keys, and what is under them."""

    active: str | None  # None: there is no keyring
    keys: Mapping[str, KeyUse]  # by id; those that values are under and the keyring lacks are among them
    collections: Mapping[str, Progress]
    finished: bool  # everything was looked at since the keys were exchanged, or since somebody asked for it
    clean: bool  # nothing is left to be encrypted anew


async def blinds_alike(sealing: Sealing, backend: StorageBackend, collection: Collection) -> bool:
    """Whether what is stored was written with the index key of today, as far as one value of each field tells.

    Raises DecryptionFailed, QueryTimeout, BackendError.
    """
    for name in sealing.fields(collection):
        field = collection.by_name[name]
        begun = Condition(name, Operator.PREFIX, (MARK,))
        asked = Query(filter=begun, sort=ordered(collection), limit=1, count=CountMode.NONE)
        page = await backend.query(collection, asked) if field.comparable else None
        for record in page.items if page else ():
            if not sealing.blinds_alike(collection, field, record):
                return False
    return True


class Rewrapping:
    """Goes through the collections in the background. Several instances over one backend may do so at once."""

    def __init__(
        self,
        registry: StorageBackendRegistry,
        sealing: Sealing,
        settle: Callable[[Collection], Awaitable[None]],
        is_copied: Callable[[str], bool],
        observer: Observer,
        clock: Clock,
        *,
        letters: DeadLetters | None = None,
        rate: float = RATE,
        first_seconds: float = FIRST_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        """``settle``: returns when all that is acknowledged is stored; ``is_copied``: whether somebody compares a
        collection just now; ``letters``: whose records are encrypted, too.
        """
        self._knows_letters = False
        self.letters: Counter[str] = Counter()  # values in dead letters, by the key that they are under
        self.passes: dict[str, Pass] = {}  # the latest one, by collection; none yet: nothing was looked at
        self._registry = registry
        self._sealing = sealing
        self._settle = settle
        self._is_copied = is_copied
        self._observer = observer
        self._clock = clock
        self._rate = rate
        self._first_seconds = first_seconds
        self._again_seconds = again_seconds
        self._letters = letters
        self._wanted = asyncio.Event()

    @property
    def is_finished(self) -> bool:
        """Whether everything was looked at since the last ``again``."""
        return self._knows_letters and all(self._of(each).finished for each in self._collections())

    @property
    def is_clean(self) -> bool:
        """Whether the latest look at every collection has found all as it would be written today."""
        return all(self._of(each).is_clean for each in self._collections())

    def values_under(self, key_id: str) -> Mapping[str, int]:
        """How many values the latest looks found under a key, by collection, and in `dead_letters`."""
        found = {each.name: self._of(each).values[key_id] for each in self._collections()}
        return {**found, "dead_letters": self.letters[key_id]}

    def state(self) -> KeyringState:
        """The keys, and how far the latest looks are."""
        keyring, found = self._sealing.keyring, self._collections()
        counted: Counter[str] = Counter()
        for each in found:
            counted.update(self._of(each).values)
        ids = {*(keyring.ids if keyring else ()), *counted, *self.letters} - {PLAIN}
        return KeyringState(
            active=keyring.active if keyring else None,
            keys={id_: KeyUse(values=counted[id_], dead_letters=self.letters[id_]) for id_ in sorted(ids)},
            collections={each.name: self._progress(each) for each in found},
            finished=self.is_finished,
            clean=self.is_clean,
        )

    def _progress(self, collection: Collection) -> Progress:
        latest = self._of(collection)
        return Progress(
            encrypted=self._sealing.fields(collection),
            records=latest.records,
            plain=latest.values[PLAIN],
            rewritten=latest.rewritten,
            unreadable=latest.unreadable,
            finished=latest.finished,
            finished_at=latest.finished_at,
            last_error=latest.trouble or None,
        )

    def again(self) -> None:
        """The keys are others than before, or somebody wants to know: begin anew."""
        self.passes.clear()
        self._knows_letters = False
        self._wanted.set()

    async def run(self) -> None:
        """Pass after pass, until cancelled."""
        seconds = self._first_seconds
        while True:
            await self._pause(seconds)
            self._wanted.clear()
            for collection in self._collections():
                await self._judged(collection)
            await self._look_at_letters()
            seconds = SWEEP_SECONDS if self.is_clean else self._next(seconds)

    async def sweep(self, collection: Collection) -> Pass:
        """One pass. Raises AbilityMissing, FlushIncomplete, BackendError."""
        found = Pass()
        dumping = self._registry.ability(collection, Dumping)
        self.passes[collection.name] = found  # from here on: what is asked for while it settles is another pass's
        await self._settle(collection)
        async for portion in dumping.dump(collection):
            for begin in range(0, len(portion), PORTION):
                await self._portion(collection, portion[begin : begin + PORTION], found)
        found.finished_at = self._clock.now()
        if found.values[PLAIN]:
            self._sealing.former.add(collection.name)
        elif found.is_clean:
            self._sealing.former.discard(collection.name)
        return found

    def _collections(self) -> Sequence[Collection]:
        if self._sealing.keyring is None:
            return ()
        return [each for each in self._registry.collections if each.sealable]

    def _of(self, collection: Collection) -> Pass:
        return self.passes.get(collection.name, Pass())

    def _next(self, seconds: float) -> float:
        """How long to rest after passes that were not clean, which began after a rest of ``seconds``."""
        if self._wanted.is_set() or any(self._of(each).rewritten for each in self._collections()):
            return self._again_seconds
        return min(SWEEP_SECONDS, max(self._again_seconds, 2 * seconds))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return

    async def _judged(self, collection: Collection) -> None:
        """A pass whose failure is observed, and left for the next one."""
        try:
            found = await self.sweep(collection)
        except Exception as error:  # a bug, too, must not end the passes
            known = error if isinstance(error, PersistenceError) else UnexpectedFailure(f"A bug: {error!r}")
            self.passes.setdefault(collection.name, Pass()).trouble = known.detail
            self._observer(RewrapFailed(collection=collection.name, error=known.code, detail=known.detail))
            return
        if found.unreadable:
            detail = self._unreadable(collection, found)
            self._observer(RewrapFailed(collection=collection.name, error=DecryptionFailed.code, detail=detail))
        if found.rewritten or found.unreadable:
            told = RecordsRewrapped(
                collection=collection.name,
                noun=collection.noun,
                records=found.rewritten,
                unreadable=found.unreadable,
            )
            self._observer(told)

    def _unreadable(self, collection: Collection, found: Pass) -> str:
        """What cannot be read by anybody, and what would help."""
        lost = sorted(found.values.keys() - {PLAIN, *(self._sealing.keyring.ids if self._sealing.keyring else ())})
        verb = "is" if found.unreadable == 1 else "are"
        counted = f"{found.unreadable} of {found.records} {collection.name} {verb} unreadable"
        if not lost:
            return f"{counted}: what is encrypted there was changed, or belongs elsewhere."
        names = ", ".join(map(repr, lost))
        return f"{counted}: the keyring lacks {names}, under which values are encrypted; give back what is lacking."

    async def _look_at_letters(self) -> None:
        """They cannot be encrypted anew where they are: only a replay does that."""
        found, after = Counter[str](), None
        try:
            while self._letters and (page := await self._letters.find(EVERY_LETTER, after=after, limit=PORTION)):
                for letter in page:
                    found.update(key.decode() for key in _UNDER.findall(letter.record))
                after = page[-1].id
                await asyncio.sleep(0)
        except PersistenceError as error:
            self._observer(RewrapFailed(collection="dead_letters", error=error.code, detail=error.detail))
            return
        self.letters, self._knows_letters = found, not self._wanted.is_set()

    async def _portion(self, collection: Collection, portion: Sequence[Record], found: Pass) -> None:
        """Each portion is followed by a rest: for those who write the same ones, and for those who ask meanwhile."""
        begun = self._clock.monotonic()
        changed = [new for record in portion if (new := self._resealed(collection, record, found)) is not None]
        found.records += len(portion)
        looked = self._clock.monotonic() - begun
        if changed and (hindrance := self._hindrance(collection)):
            found.trouble, changed = hindrance, []
        if changed:
            found.rewritten += await self._rewrite(collection, changed, found)
        spent = self._clock.monotonic() - begun
        await asyncio.sleep(max(spent, looked / SHARE - looked, len(changed) / self._rate))

    def _hindrance(self, collection: Collection) -> str:
        """Why nothing can be written anew; empty where it can."""
        if self._is_copied(collection.name):
            return f"{collection.name} is being copied; it waits for the end of that."
        try:
            self._registry.ability(collection, Rewriting)
        except AbilityMissing as lacking:
            return lacking.detail
        return ""

    def _resealed(self, collection: Collection, record: Record, found: Pass) -> Record | None:
        found.values.update(self._sealing.under(collection, record))
        try:
            return self._sealing.resealed(collection, record)
        except DecryptionFailed:
            found.unreadable += 1
            return None

    async def _rewrite(self, collection: Collection, records: Sequence[Record], found: Pass) -> int:
        rewriting = self._registry.ability(collection, Rewriting)
        try:
            return await rewriting.rewrite(collection, records)
        except RecordRefused as refusal:
            if len(records) > 1:  # the one that is refused holds up no other
                return sum([await self._rewrite(collection, [record], found) for record in records])
            found.trouble = f"{collection.noun} {records[0].key!r}: {refusal.detail}"
            self._observer(RewrapFailed(collection=collection.name, error=refusal.code, detail=found.trouble))
            return 0

"""API keys: made, listed, rotated and revoked, in a backend that all instances share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec

from domain.errors import (
    AbilityMissing,
    BackendError,
    InvalidParameter,
    KeyNotFound,
    SchemaMismatch,
    StartFailure,
    WriteConflict,
)
from domain.model import api_keys, revisions
from domain.model.access import checked_scopes
from domain.model.api_keys import API_KEYS, MAX_ACTOR, MAX_NAME, ApiKey, KeyText
from domain.model.built_in import BUILT_IN
from domain.model.query import CountMode, Query, ordered
from domain.model.records import MICROSECOND, ConditionalWrite, HealthStatus, Verdict
from domain.services.opening import LateOpening
from ports.abilities import ConditionalWrites
from ports.ambient import Clock, Ids
from ports.resource import Resource
from ports.storage_backend import StorageBackend

PAGE = 1000
TRIES = 10  # of a change that others are ahead of
MAX_OVERLAP = timedelta(days=30)
UNFIT = "It has no conditional writes, without which no keys can be kept: set `auth.backend` to another one."
_NAMES = tuple(collection.name for collection in BUILT_IN)


class _Backend(StorageBackend, Resource, Protocol):
    pass


class KeyStore:
    """Keys in a storage backend, which is built and opened when a key is first looked for.

    Every method raises BackendError; AbilityMissing where the backend has no conditional writes, without which a key
    that is just being revoked could come back.
    """

    def __init__(self, build: Callable[[], _Backend]) -> None:
        self._build = build
        self._backend: _Backend | None = None
        self._opening: LateOpening | None = None

    async def open(self) -> None:
        """Connect now. Raises StartFailure, BackendUnavailable."""
        try:
            backend = await self._ready()
        except SchemaMismatch as error:
            raise StartFailure(error.detail) from error
        if not isinstance(backend, ConditionalWrites):
            raise StartFailure(UNFIT)

    async def close(self) -> None:
        """Release the backend, if it was needed."""
        await _closed(self._backend, self._opening)

    async def renew(self) -> None:
        """Build and open the backend anew when it is needed next: its settings have changed."""
        backend, opening = self._backend, self._opening
        self._backend = self._opening = None
        await _closed(backend, opening)

    async def find(self, key_id: str) -> ApiKey | None:
        """What is stored of a key."""
        backend = await self._ready()
        record = await backend.read(API_KEYS, key_id)
        return api_keys.from_record(record) if record is not None and record.deleted_at is None else None

    async def all(self) -> list[ApiKey]:
        """Every key, in the order of their ids."""
        backend = await self._ready()
        query = Query(sort=ordered(API_KEYS), limit=PAGE, count=CountMode.NONE)
        found: list[ApiKey] = []
        while True:
            page = await backend.query(API_KEYS, query)
            found += map(api_keys.from_record, page.items)
            if not page.more:
                return found
            query = msgspec.structs.replace(query, after=(page.items[-1].key,))

    async def put(self, key: ApiKey, base: int) -> bool:
        """Store a key in the place of its revision ``base`` (0: none); False where that is no longer what is stored."""
        backend = await self._ready()
        if not isinstance(backend, ConditionalWrites):
            raise AbilityMissing(UNFIT)
        verdicts = await backend.write_conditional(API_KEYS, [ConditionalWrite(api_keys.to_record(key), base)])
        return verdicts[0] is Verdict.STORED

    async def health_check(self) -> HealthStatus:
        """As backends answer it; one that cannot be opened is sick, too."""
        try:
            backend = await self._ready()
        except BackendError as error:
            return HealthStatus(healthy=False, detail=error.detail, latency_seconds=0.0)
        return await backend.health_check()

    async def _ready(self) -> _Backend:
        if self._backend is None or self._opening is None:
            self._backend = self._build()
            self._opening = LateOpening(self._backend)
        await self._opening.opened()
        return self._backend


async def _closed(backend: _Backend | None, opening: LateOpening | None) -> None:
    if backend is not None and opening is not None:
        await opening.close()
        await backend.close()


class Rotation(NamedTuple):
    """What came of giving a key another secret."""

    key: ApiKey
    text: KeyText
    cut_short: datetime | None  # until when the secret before the former one would have been accepted, had it not ended


class ApiKeys:
    """What an administrator does with keys; ``by`` names who does it, and stays with the key."""

    def __init__(
        self, store: KeyStore, ids: Ids, clock: Clock, changed: Callable[[str], None] = lambda _: None
    ) -> None:
        """``changed``: told the id of a key that is no longer what it was."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._changed = changed

    async def create(
        self, name: str, scopes: Iterable[str], *, expires_at: datetime | None = None, by: str
    ) -> tuple[ApiKey, KeyText]:
        """A new key and its text, which nobody can tell later. Raises InvalidParameter, BackendError."""
        if not (0 < len(name) <= MAX_NAME and name.isprintable() and name.strip()):
            raise InvalidParameter(f"`name` says what a key is for: 1 to {MAX_NAME} printable characters.")
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidParameter("`expires_at` has passed already.")
        text = self._fresh()
        key = ApiKey(
            key_id=text.key_id,
            name=name,
            scopes=checked_scopes(scopes, _NAMES),
            digest=text.digest,
            expires_at=expires_at,
            changed_by=by[:MAX_ACTOR],
            created_at=now,
            updated_at=now,
            revision=self._revision(now),
        )
        await self._store.put(key, 0)
        self._changed(key.key_id)
        return key, text

    async def all(self) -> list[ApiKey]:
        """Every key, revoked ones too."""
        return await self._store.all()

    async def revoke(self, key_id: str, *, by: str) -> ApiKey:
        """End a key for good; one that is revoked stays as it is. Raises KeyNotFound, WriteConflict, BackendError."""
        now = self._clock.now()
        return await self._change(
            key_id,
            lambda key: (
                key if key.revoked_at else msgspec.structs.replace(key, revoked_at=now, changed_by=by[:MAX_ACTOR])
            ),
        )

    async def rotate(self, key_id: str, *, overlap: timedelta = timedelta(), by: str) -> Rotation:
        """Give a key another secret; the former one is accepted for ``overlap`` longer, any one before it no more.

        Raises KeyNotFound, InvalidParameter for a key that is revoked or expired, WriteConflict, BackendError.
        """
        if not timedelta() <= overlap <= MAX_OVERLAP:
            raise InvalidParameter(f"The former secret can be accepted for 0 to {MAX_OVERLAP.days} days longer.")
        now, text = self._clock.now(), msgspec.structs.replace(self._fresh(), key_id=key_id)
        overlapping: datetime | None = None

        def rotated(key: ApiKey) -> ApiKey:
            nonlocal overlapping
            if key.state(now) != "active":
                raise InvalidParameter(f"The key {key_id} is {key.state(now)}; make a new one.")
            overlapping = key.former_until if key.former_until is not None and now < key.former_until else None
            former = (key.digest, now + overlap) if overlap else (None, None)
            return msgspec.structs.replace(
                key, digest=text.digest, former_digest=former[0], former_until=former[1], changed_by=by[:MAX_ACTOR]
            )

        return Rotation(await self._change(key_id, rotated), text, overlapping)

    async def used(self, key_id: str, at: datetime) -> None:
        """Note when a key was used last; who is ahead with a change of it wins. Raises BackendError."""
        key = await self._store.find(key_id)
        if key is not None and (key.used_at is None or key.used_at < at):
            await self._store.put(self._next(key, msgspec.structs.replace(key, used_at=at)), key.revision)

    async def _change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        for _ in range(TRIES):
            key = await self._store.find(key_id)
            if key is None:
                raise KeyNotFound(f"There is no key {key_id[:80]!r}.")
            wanted = change(key)
            if wanted is key or await self._store.put(wanted := self._next(key, wanted), key.revision):
                self._changed(key_id)
                return wanted
        raise WriteConflict(f"The key {key_id} was changed by others {TRIES} times meanwhile.")

    def _next(self, stored: ApiKey, wanted: ApiKey) -> ApiKey:
        """With a version above that of what is stored, whatever the clocks of other machines say."""
        at = max(self._clock.now(), stored.updated_at + MICROSECOND)
        return msgspec.structs.replace(wanted, updated_at=at, revision=self._revision(at))

    def _revision(self, at: datetime) -> int:
        """One that no other change has, though nobody hands them out: there are few changes, and chance is large."""
        chance = int.from_bytes(self._ids.secret(3), "big")
        place = revisions.INSTANCE_BITS + revisions.COUNTER_BITS
        return revisions.compose(revisions.tick_at(at), 0, 0) | chance & ((1 << place) - 1)

    def _fresh(self) -> KeyText:
        return api_keys.made_of(self._ids.secret(api_keys.ID_BYTES + api_keys.SECRET_BYTES))

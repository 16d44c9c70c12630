"""Tells who shows a key: from memory for a few seconds, from the store then."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

from domain.errors import KeysUnreachable, PersistenceError, Unauthenticated, UnexpectedFailure
from domain.model.access import Principal
from domain.model.api_keys import API_KEYS, ApiKey, compare_with_nothing, key_text
from domain.model.observations import KeyStoreLost, KeyStoreRegained
from domain.services.api_keys import ApiKeys, KeyStore
from domain.services.ending import ended
from domain.services.key_locks import KeyLocks
from ports.ambient import Clock, Observer
from ports.authenticator import Toll, no_toll

AHEAD_SECONDS = 2.0  # after which a key that is in use is looked up again, while nobody waits
FRESH_SECONDS = 4.0  # after which whoever shows it waits for that: what is revoked elsewhere is refused by then
KNOWN_SECONDS = 3600.0  # for which a key stays what it was while the store is away
WAIT_SECONDS = 2.0  # for a look-up, which may go on
REST_SECONDS = 1.0  # between two look-ups that fail, and before one for a secret that does not fit
USES_SECONDS = 60.0  # between two notes of when a key was used
MAX_KEYS = 10_000  # in memory, and as many ids that are no key's
MAX_LOOKUPS = 8  # at once, of keys that are known ...
MAX_GUESSES = 4  # ... and of ids that may be anything, so that no flood of them holds a known key up ...
MAX_WAITING = 1000  # ... of which so many may wait for their turn


class _Seen(NamedTuple):
    key: ApiKey | None
    at: float  # monotonic: when the look-up began


class KeyAuthenticator:
    """Keys from a store that all instances share; one look-up a key at a time, however many show it."""

    def __init__(self, store: KeyStore, observer: Observer, clock: Clock) -> None:
        self._store = store
        self._observer = observer
        self._clock = clock
        self._keys: OrderedDict[str, _Seen] = OrderedDict()  # the longest unseen first
        self._strangers: OrderedDict[str, _Seen] = OrderedDict()
        self._lookups: dict[str, asyncio.Task[ApiKey | None]] = {}
        self._turns, self._guessing = asyncio.Semaphore(MAX_LOOKUPS), asyncio.Semaphore(MAX_GUESSES)
        self._guesses: set[str] = set()  # those of the look-ups
        self._paying = KeyLocks()  # one caller an id: the others join the look-up that is paid for
        self._again_at = -inf  # monotonic: until then the store is left alone
        self._lost = False
        self._used: dict[str, datetime] = {}  # since the last note

    def knows(self, credential: str) -> bool:
        """As the port says."""
        return credential.startswith("ps_")

    async def principal(self, credential: str, toll: Toll = no_toll) -> Principal:
        """As the port says. Raises KeysUnreachable where only the store could tell, and it is away."""
        text = key_text(credential)
        if text is None:
            raise Unauthenticated
        key, now = await self._current(text.key_id, toll), self._clock.now()
        if key is None:
            compare_with_nothing(text)
            raise Unauthenticated
        if not key.fits(text, now):
            renewed = await self._renewed(key, now, toll)
            if renewed is None or not renewed.fits(text, now):
                raise Unauthenticated
            key = renewed
        self._used[text.key_id] = now
        return key.principal

    def forget(self, key_id: str) -> None:
        """A key was changed: look it up anew, and believe no look-up that began before."""
        self._keys.pop(key_id, None)
        self._strangers.pop(key_id, None)
        self._lookups.pop(key_id, None)
        self._guesses.discard(key_id)

    async def note_uses(self, keys: ApiKeys) -> None:
        """Now and then write down when keys were used, until cancelled."""
        while True:
            await asyncio.sleep(USES_SECONDS)
            used, self._used = self._used, {}
            for key_id, at in used.items():
                try:
                    await keys.used(key_id, at - timedelta(seconds=at.second, microseconds=at.microsecond))
                except PersistenceError:  # the next use is noted
                    break

    async def close(self) -> None:
        """End the look-ups that are under way."""
        await ended(*self._lookups.values())

    async def _current(self, key_id: str, toll: Toll) -> ApiKey | None:
        """The key as it is, or was. Raises KeysUnreachable, what ``toll`` raises."""
        seen, now = self._seen(key_id), self._clock.monotonic()
        age = now - seen.at if seen else inf
        if seen and age < AHEAD_SECONDS:
            return seen.key
        if seen and age < (KNOWN_SECONDS if self._lost else FRESH_SECONDS):
            if seen.key is not None and now >= self._again_at:  # for who is known; nobody else has paid for it
                self._lookup(key_id)
            return seen.key
        if now >= self._again_at:
            lookup = await self._paid(key_id, toll)
            await asyncio.wait((lookup,), timeout=WAIT_SECONDS)
            if lookup.done() and lookup.exception() is None:
                return lookup.result()
            if not lookup.done() and key_id not in self._guesses:  # these wait for each other, too
                self._failed(KeysUnreachable("The store of the keys does not answer in time."))
        if seen and age < KNOWN_SECONDS:
            return seen.key
        raise KeysUnreachable(retry_after=REST_SECONDS)

    async def _renewed(self, key: ApiKey, now: datetime, toll: Toll) -> ApiKey | None:
        """What another instance may have made of a key whose secret is not the one that is shown; None where nobody
        asks: it was looked up a moment ago, and no guesses shall keep the store busy. Raises what ``toll`` raises.
        """
        seen, moment = self._keys.get(key.key_id), self._clock.monotonic()
        if seen is None or key.state(now) != "active" or moment < max(seen.at + REST_SECONDS, self._again_at):
            return None
        await toll()
        lookup = self._lookup(key.key_id)
        await asyncio.wait((lookup,), timeout=WAIT_SECONDS)
        return lookup.result() if lookup.done() and lookup.exception() is None else None

    async def _paid(self, key_id: str, toll: Toll) -> asyncio.Task[ApiKey | None]:
        """A look-up that costs its caller something where the id may be made up, and nobody else has paid for it."""
        async with self._paying.held(API_KEYS.name, [key_id]):
            if key_id not in self._keys and key_id not in self._lookups:
                await toll()
            return self._lookup(key_id)

    def _seen(self, key_id: str) -> _Seen | None:
        for memory in (self._keys, self._strangers):
            if key_id in memory:
                memory.move_to_end(key_id)
                return memory[key_id]
        return None

    def _lookup(self, key_id: str) -> asyncio.Task[ApiKey | None]:
        lookup = self._lookups.get(key_id)
        if lookup is None:
            is_guess = key_id not in self._keys
            if is_guess:
                if len(self._guesses) >= MAX_WAITING:
                    raise KeysUnreachable(retry_after=REST_SECONDS)
                self._guesses.add(key_id)
            lookup = asyncio.create_task(self._ask(key_id, self._guessing if is_guess else self._turns))
            self._lookups[key_id] = lookup
            lookup.add_done_callback(lambda done: self._done(key_id, done))
        return lookup

    async def _ask(self, key_id: str, turns: asyncio.Semaphore) -> ApiKey | None:
        me = asyncio.current_task()
        async with turns:
            begun = self._clock.monotonic()
            try:
                key = await self._store.find(key_id)
            except Exception as error:  # a bug, too, must not keep those out who are known
                known = error if isinstance(error, PersistenceError) else UnexpectedFailure(f"A bug: {error!r}")
                self._failed(known)
                raise known from error
        self._answered()
        if self._lookups.get(key_id) is me:
            self._remember(key_id, _Seen(key, begun))
        return key

    def _remember(self, key_id: str, seen: _Seen) -> None:
        memory, other = (self._strangers, self._keys) if seen.key is None else (self._keys, self._strangers)
        other.pop(key_id, None)
        memory[key_id] = seen
        while len(memory) > MAX_KEYS:
            memory.popitem(last=False)

    def _done(self, key_id: str, lookup: asyncio.Task[ApiKey | None]) -> None:
        if self._lookups.get(key_id) is lookup:
            del self._lookups[key_id]
            self._guesses.discard(key_id)
        if not lookup.cancelled():
            lookup.exception()  # seen, also where nobody waits any more

    def _failed(self, error: PersistenceError) -> None:
        self._again_at = self._clock.monotonic() + REST_SECONDS
        if not self._lost:
            self._lost = True
            self._observer(KeyStoreLost(error=error.code, detail=error.detail))

    def _answered(self) -> None:
        self._again_at = -inf
        if self._lost:
            self._lost = False
            self._observer(KeyStoreRegained())

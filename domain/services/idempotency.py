"""Requests under an idempotency key: what of them was taken before is not taken again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from domain.errors import IdempotencyKeyInProgress, IdempotencyKeyReused, JournalRefused, JournalUnreachable
from domain.model.idempotency import KEPT, IdempotencyKey, KeyedFrame, KeyedPart
from domain.model.origin import Origin
from ports.ambient import Clock
from ports.known_keys import KnownKeys

RETRY_SECONDS = 1.0


class Attempt:
    """One request on its way. Without a key, nothing is known to have been taken before."""

    def __init__(
        self,
        key: IdempotencyKey | None = None,
        taken: Sequence[KeyedFrame] = (),
        hidden: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """``hidden``: what is kept instead of a digest, where that would tell who guesses what it is of."""
        self._key = key
        self._hidden = hidden
        self._taken = {frame.part.number: frame for frame in taken}
        self._next = max(self._taken, default=-1) + 1
        self._digest = b""
        self._did_something = False

    @property
    def has_key(self) -> bool:
        """Whether the request can be told from others."""
        return self._key is not None

    @property
    def frames(self) -> tuple[KeyedFrame, ...]:
        """What former attempts took, in order."""
        return tuple(self._taken[number] for number in sorted(self._taken))

    @property
    def is_repeated(self) -> bool:
        """Whether all of the answer is about what former attempts took."""
        return bool(self._taken) and not self._did_something

    def taken(self, number: int, digest: bytes | None = None) -> KeyedFrame | None:
        """A part that was taken before. Raises IdempotencyKeyReused where it was another one."""
        found, said = self._taken.get(number), digest or self._digest
        if found is not None and found.part.digest not in (self._hidden(said), said):  # it may be of before
            raise IdempotencyKeyReused(f"The key {found.part.key.text!r} was used for another request.")
        return found

    def about(self, digest: bytes) -> None:
        """All parts of the request have one digest. Raises IdempotencyKeyReused where they had another."""
        self._digest = digest
        for number in self._taken:
            self.taken(number, digest)

    def named(
        self, origin: Origin, number: int | None = None, digest: bytes | None = None, keys: Sequence[str] = ()
    ) -> Origin:
        """The origin of the frame that is taken next: part ``number``, or one more than there are.

        ``keys``: of its records, where a request names more than one frame of it writes.
        """
        self._did_something = True
        if self._key is None:
            return origin
        if number is None:
            number, self._next = self._next, self._next + 1
        part = KeyedPart(key=self._key, number=number, digest=self._hidden(digest or self._digest), keys=tuple(keys))
        return msgspec.structs.replace(origin, part=part)


class Idempotency:
    """One attempt of a request at a time, told of what former ones did within a day."""

    def __init__(self, keys: KnownKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    @asynccontextmanager
    async def attempt(self, key: IdempotencyKey, hidden: Callable[[bytes], bytes] = bytes) -> AsyncIterator[Attempt]:
        """A request under its key; the keys of a former run must be known by now. Raises IdempotencyKeyInProgress."""
        if not await self._keys.hold(key):
            raise IdempotencyKeyInProgress(
                f"A request with the key {key.text!r} is on its way.", retry_after=RETRY_SECONDS
            )
        at_once = True
        try:
            oldest = self._clock.now() - KEPT
            taken = [frame for frame in await self._keys.find(key) if frame.accepted_at > oldest]
            yield Attempt(key, taken, hidden)
        except (JournalUnreachable, asyncio.CancelledError) as error:
            at_once = isinstance(error, JournalRefused)
            raise
        finally:
            await self._keys.release(key, at_once=at_once)

"""Idempotency keys where instances share a log.

The script that keeps a frame also keeps what names its request, beside the same partition: there is no moment at which
one is known without the other. Of many requests with one key one has a claim, for as long as it is renewed. The clock
of the server ends claims and refuses frames behind their end, so that an instance that stood still does nothing twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec

from adapters.redis.keys import PartitionKeys, claim_on, digest_of
from adapters.redis.server import Answer, RedisServer
from domain.errors import PersistenceError
from domain.model.frames import FrameDraft, numbered
from domain.model.idempotency import IdempotencyKey, KeyedFrame

CLAIM_SECONDS = 10.0  # behind the last renewal: what a retry waits for where an instance died


class RedisIdempotencyKeys:
    """The ``KnownKeys`` of one instance."""

    def __init__(
        self, server: RedisServer, lanes: Sequence[str], partitions: int, *, seconds: float = CLAIM_SECONDS
    ) -> None:
        """``partitions``: of each lane; ``seconds``: how long a claim lasts behind its last renewal."""
        self._server = server
        self._places = [PartitionKeys(lane, partition) for lane in lanes for partition in range(partitions)]
        self._seconds = seconds
        self._ends: dict[str, int] = {}
        self._claims: dict[str, tuple[str, asyncio.Task[None]]] = {}

    @property
    def ends(self) -> Mapping[str, int]:
        """When the claims that are held end, in milliseconds by the server's clock, by the digests of their keys."""
        return self._ends

    async def hold(self, key: IdempotencyKey) -> bool:
        """As the port says."""
        digest, token = digest_of(key), secrets.token_hex(16)
        if not await self._claim(digest, token, ""):
            return False
        self._claims[digest] = token, asyncio.create_task(self._renew(digest, token))
        return True

    async def find(self, key: IdempotencyKey) -> Sequence[KeyedFrame]:
        """As the port says."""
        digest = digest_of(key)
        answers = await self._server.run_all([("recall", [place.request(digest)], ()) for place in self._places])
        found = [frame for place, answer in zip(self._places, answers, strict=True) for frame in _frames(place, answer)]
        return sorted(found, key=lambda frame: frame.accepted_at)

    async def release(self, key: IdempotencyKey, *, at_once: bool) -> None:
        """As the port says; a claim that is not given back ends by itself, and refuses frames from then on."""
        digest = digest_of(key)
        token, renewal = self._claims.pop(digest)
        self._ends.pop(digest, None)
        renewal.cancel()
        if at_once:
            with suppress(PersistenceError):
                await self._server.run("release", [claim_on(digest)], token)

    async def _renew(self, digest: str, token: str) -> None:
        """For as long as the key is held."""
        while True:
            await asyncio.sleep(self._seconds / 4)
            with suppress(PersistenceError):  # the next renewal may come in time
                if not await self._claim(digest, token, token):
                    return

    async def _claim(self, digest: str, token: str, holder: str) -> bool:
        milliseconds = int(self._seconds * 1000)
        end = await self._server.run("claim", [claim_on(digest)], token, milliseconds, holder)
        if end is None or (holder and digest not in self._claims):  # or: released meanwhile
            return False
        self._ends[digest] = int(end)
        return True


def told_of(lane: str, draft: FrameDraft) -> tuple[str, bytes] | None:
    """The digest of a frame's key, and what to keep of the frame beside it; None where its request had no key."""
    if draft.headers.idempotency_key is None or (keyed := KeyedFrame.of(lane, draft.at(1))) is None:
        return None
    return digest_of(keyed.part.key), msgspec.msgpack.encode(keyed)


def _frames(place: PartitionKeys, answer: Answer) -> Iterator[KeyedFrame]:
    if isinstance(answer, PersistenceError):
        raise answer
    for number, told in zip(answer[::2], answer[1::2], strict=True):
        frame = msgspec.msgpack.decode(told, type=KeyedFrame)
        last = numbered(place.partition, int(number))
        yield msgspec.structs.replace(frame, first=last - frame.last + 1, last=last)

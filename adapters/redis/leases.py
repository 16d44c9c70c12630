"""Who drains which partition: one owner at a time, for as long as it says so."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import msgspec

from adapters.redis.keys import WORKERS, PartitionKeys
from adapters.redis.server import RedisServer
from domain.model.frames import numbered
from domain.model.lanes import LaneState


class PartitionLeases:
    """The leases of one worker. A lease that is not renewed ends by itself, and another worker takes it.

    A token is drawn anew for each taking, so that the commit of a former owner, whose batch was slow, is refused.
    """

    def __init__(self, server: RedisServer, *, seconds: float) -> None:
        """``seconds``: how long a lease lasts behind its last renewal."""
        self._server = server
        self._milliseconds = max(1, int(seconds * 1000))
        self._name = secrets.token_hex(8)
        self._tokens: dict[tuple[str, int], str] = {}

    @property
    def tokens(self) -> Mapping[tuple[str, int], str]:
        """Of the leases that are held, by lane and partition."""
        return self._tokens

    async def enlist(self) -> int:
        """Be one of the workers for as long as a lease lasts; how many there are. Raises JournalUnreachable."""
        return int(await self._server.run("enlist", [WORKERS], self._name, self._milliseconds))

    async def leave(self) -> None:
        """Be none any more. Raises JournalUnreachable."""
        await self._server.run("enlist", [WORKERS], self._name, 0)

    async def take(self, lane: str, partition: int) -> bool:
        """Take a lease; False where another holds it. Raises JournalUnreachable."""
        token = secrets.token_hex(16)
        taken = await self._server.run("take", [PartitionKeys(lane, partition).lease], token, self._milliseconds)
        if taken:
            self._tokens[lane, partition] = token
        return bool(taken)

    async def renew(self, lane: str, partition: int, state: LaneState) -> int | None:
        """Hold a lease for longer, and tell how its drain fares; returns up to which record somebody waits.

        None where the lease is lost. Raises JournalUnreachable.
        """
        keys, token = PartitionKeys(lane, partition), self._tokens[lane, partition]
        told = msgspec.msgpack.encode(state)
        wanted = await self._server.run("renew", [keys.lease, keys.state], token, self._milliseconds, told)
        if wanted is None:
            self._tokens.pop((lane, partition), None)
            return None
        return numbered(partition, int(wanted))

    async def release(self, lane: str, partition: int) -> None:
        """Give a lease back. Raises JournalUnreachable: then it ends by itself."""
        token = self._tokens.pop((lane, partition), None)
        if token is not None:
            await self._server.run("release", [PartitionKeys(lane, partition).lease], token)

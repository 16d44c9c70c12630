"""The generations of a shared buffer's collections: its watermarks themselves."""

from __future__ import annotations

from adapters.redis.keys import PartitionKeys
from adapters.redis.server import RedisServer
from domain.errors import PersistenceError


class RedisGenerations:
    """Nobody has to tell of a flush: a batch counts as applied at the moment at which its watermark has moved."""

    def __init__(self, server: RedisServer, partitions: int) -> None:
        """``server``: that of the buffer, over connections of its own."""
        self._server = server
        self._partitions = partitions

    async def open(self) -> None:
        """Nothing: it connects when it is asked."""

    async def close(self) -> None:
        """Release the connections."""
        await self._server.close()

    async def of(self, lane: str) -> str | None:
        """As the port says; where a log begins, and how far all its partitions are."""
        keys = [PartitionKeys(lane, partition).state for partition in range(self._partitions)]
        found = await self._server.run_all([("mark", [key], ()) for key in keys])
        for answer in found:
            if isinstance(answer, PersistenceError):
                raise answer
        if None in found:
            return None  # a partition has no log: it was lost, and is made anew
        return " ".join(part.decode() for answer in found for part in answer)

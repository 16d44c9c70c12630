"""What must be known beside the shared log: the ports that a single instance keeps in ``state.db``."""

from __future__ import annotations

from adapters.redis.dead_letters import RedisDeadLetters
from adapters.redis.receipts import Epochs, RedisReceipts
from adapters.redis.revision_ceiling import RedisRevisionCeiling
from adapters.redis.server import RedisServer
from domain.model.dead_letters import LetterBounds
from ports.ambient import Clock


class RedisState:
    """The ports, on one server."""

    def __init__(self, server: RedisServer, epochs: Epochs, clock: Clock, bounds: LetterBounds | None = None) -> None:
        """``bounds``: of the dead letters."""
        self._server = server
        self.dead_letters = RedisDeadLetters(server, bounds)
        self.receipts = RedisReceipts(server, epochs)
        self.revision_ceiling = RedisRevisionCeiling(server, clock)

    async def open(self) -> None:
        """Connect. Raises StartFailure."""
        await self._server.open()

    async def close(self) -> None:
        """Release the connections."""
        await self._server.close()

"""Instance numbers and the bounds of their revisions, for all instances."""

from __future__ import annotations

import secrets

from adapters.redis.keys import INSTANCES
from adapters.redis.server import RedisServer
from domain.model.revisions import INSTANCES as NUMBERS
from domain.model.revisions import tick_at
from ports.ambient import Clock
from ports.revision_ceiling import Reservation

_AHEAD = 15_000  # milliseconds: more than a living instance whose ceiling was forgotten can have reserved


class RedisRevisionCeiling:
    """Numbers are drawn in turn, one for each start of an instance; nobody has to give one back.

    After 1023 further starts a number is drawn again. Its new owner begins above its ceiling, and a reservation of the
    former one is refused from then on: it loads again, and goes on under another number.
    """

    def __init__(self, server: RedisServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._token = secrets.token_hex(16)
        self._held: Reservation | None = None

    async def load(self) -> Reservation:
        """As the port says; a process keeps its number for as long as nobody else has drawn it."""
        if self._held is None:
            lowest = tick_at(self._clock.now()) + _AHEAD  # the ceilings may have been forgotten
            drawn = await self._server.run("draw", [INSTANCES], self._token, NUMBERS - 1, lowest)
            self._held = Reservation(int(drawn[0]), int(drawn[1]))
        return self._held

    async def reserve(self, ceiling_tick: int) -> bool:
        """As the port says; ``load`` draws another number then."""
        held = await self.load()
        ceiling = await self._server.run("reserve", [INSTANCES], self._token, held.instance, ceiling_tick)
        if ceiling is None:
            self._held = None
            return False
        highest = max(int(ceiling), (self._held or held).ceiling_tick)  # answers may overtake each other
        self._held = Reservation(held.instance, highest)
        return True

"""Values in the order of their places: a sorted set for the order, a hash for the values, in one slot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapters.redis.server import RedisServer

LOWEST, HIGHEST = b"-", b"+"


def place(lane: str, *numbers: int) -> bytes:
    """A place whose bytes sort by lane and numbers; every lane's name is of small letters, digits and underscores."""
    return b"\0".join([lane.encode(), *(b"%020d" % number for number in numbers)])


class Shelf:
    """Keeps bytes; the first value of a place stays."""

    def __init__(self, server: RedisServer, keys: tuple[str, str]) -> None:
        """``keys``: of the order and of the values."""
        self._server = server
        self._keys = keys

    async def keep(self, values: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep values under their places. Raises JournalUnreachable."""
        arguments = [part for pair in values for part in pair]
        if arguments:
            await self._server.run("keep", self._keys, *arguments)

    async def places(self, lowest: bytes, highest: bytes, *, limit: int = -1) -> list[bytes]:
        """Places within bounds as ZRANGEBYLEX reads them, in order."""
        return list(await self._server.ask("ZRANGEBYLEX", self._keys[0], lowest, highest, "LIMIT", 0, limit))

    async def values(self, places: Sequence[bytes]) -> list[bytes]:
        """The values of places; one that was forgotten meanwhile is left out."""
        if not places:
            return []
        found = await self._server.ask("HMGET", self._keys[1], *places)
        return [value for value in found if value is not None]

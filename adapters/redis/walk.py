"""Records of a collection one portion after another, in the order of their keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from adapters.redis.server import RedisServer
from adapters.redis.states import Names, read
from domain.model.collections import Collection
from domain.model.records import Record

PORTION = 200


class Walk:
    """Reads what sorted sets name; what has expired meanwhile is taken out of them."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def smallest(self, names: Names, sets: Sequence[str]) -> str:
        """Where the fewest keys are to be looked at."""
        if len(sets) < 2:
            return sets[0] if sets else names.visible
        sizes = {each: int(await self._server.ask("ZCARD", each)) for each in sets}
        return min(sets, key=sizes.__getitem__)

    async def through(
        self, collection: Collection, within: str, *, after: str | None = None, falling: bool = False
    ) -> AsyncIterator[list[Record]]:
        """The records of a sorted set, behind a key, in rising or falling order; no portion is empty."""
        place = None if after is None else after.encode()
        while True:
            keys = await self._keys(within, place, falling=falling)
            found = await self.among(collection, keys, within)
            if found:
                yield found
            if len(keys) < PORTION:
                return
            place = keys[-1]

    async def among(self, collection: Collection, keys: Sequence[bytes], within: str) -> list[Record]:
        """The records of some keys that were found in a set."""
        if not keys:
            return []
        names = Names(collection)
        texts = [key.decode() for key in keys]
        states = await self._server.ask("MGET", *map(names.record, texts))
        await self._drop_expired(names, [key for key, state in zip(texts, states, strict=True) if not state], within)
        return [read(collection, state) for state in states if state]

    async def _keys(self, within: str, place: bytes | None, *, falling: bool) -> list[bytes]:
        behind = b"(" + place if place is not None else None
        if falling:
            command, bounds = "ZREVRANGEBYLEX", (behind or b"+", b"-")
        else:
            command, bounds = "ZRANGEBYLEX", (behind or b"-", b"+")
        return list(await self._server.ask(command, within, *bounds, "LIMIT", 0, PORTION))

    async def _drop_expired(self, names: Names, keys: Sequence[str], within: str) -> None:
        if keys:
            places = [names.all, names.visible, within, *map(names.record, keys)]
            await self._server.run("drop", places, names.prefix, msgspec.msgpack.encode(names.fields), "1", *keys)

"""Records of a collection one portion after another, in the order of their keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import accumulate, pairwise

import msgspec

from adapters.redis.server import RedisServer
from adapters.redis.states import Names, decoder
from domain.model.collections import Collection
from domain.model.records import Record

PORTION = 200
PORTION_BYTES = 8 * 1024 * 1024  # of states in one portion; the record that passes them is the last one


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
            async for found in self.among(collection, keys, within):
                yield found
            if len(keys) < PORTION:
                return
            place = keys[-1]

    async def among(self, collection: Collection, keys: Sequence[bytes], within: str) -> AsyncIterator[list[Record]]:
        """The records of some keys that were found in a set; no portion is empty, nor much larger than allowed."""
        names, read = Names(collection), decoder(collection)
        while keys:
            texts = [key.decode() for key in keys]
            told, states = await self._server.run("look", [names.record(text) for text in texts], PORTION_BYTES)
            places = list(pairwise(accumulate(map(int, told.split()), initial=0)))
            gone = [text for text, (begin, end) in zip(texts, places, strict=False) if begin == end]
            await self._drop_expired(names, gone, within)
            if found := [read(states[begin:end]) for begin, end in places if begin < end]:
                yield found
            keys = keys[len(places) :]

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

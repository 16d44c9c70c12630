"""Dead letters that every instance and worker shares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from adapters.redis.keys import DEAD_LETTERS, LETTER_COUNTS
from adapters.redis.server import RedisServer
from adapters.redis.shelf import HIGHEST, LOWEST, Shelf, place
from domain.errors import DeadLettersFull
from domain.model.dead_letters import (
    EVERY_LETTER,
    PAGE_BYTES,
    DeadLetter,
    LetterBounds,
    LetterCause,
    LetterFilter,
    LetterId,
    LetterLevel,
)

_ABOVE = b"\xff"  # behind every digit of a place
_PORTION = 16  # letters read at a time: each may have a megabyte
_KEYS = (*DEAD_LETTERS, LETTER_COUNTS)


class RedisDeadLetters:
    """By id; what there is of each cause is counted in the script that adds or removes."""

    def __init__(self, server: RedisServer, bounds: LetterBounds | None = None) -> None:
        self.bounds = bounds or LetterBounds()
        self._server = server
        self._shelf = Shelf(server, DEAD_LETTERS)

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """As the port says."""
        if not letters:
            return
        parts = [
            part
            for each in letters
            for part in (_place(each.id), msgspec.msgpack.encode(each), _cause(each), each.weight)
        ]
        bounds = self.bounds
        kept, *level = await self._server.run("keep_letters", _KEYS, bounds.max_records, bounds.max_bytes, *parts)
        if not kept:
            found = LetterLevel(records=level[0], weight=level[1], bounds=bounds)
            raise DeadLettersFull(f"The dead letters are full: {found}.")

    async def find(
        self,
        where: LetterFilter = EVERY_LETTER,
        *,
        after: LetterId | None = None,
        limit: int,
        max_bytes: int = PAGE_BYTES,
    ) -> Sequence[DeadLetter]:
        """As the port says."""
        found: list[DeadLetter] = []
        async for letter in self._matching(where, after):
            max_bytes -= letter.weight
            if len(found) == limit or (found and max_bytes < 0):
                break
            found.append(letter)
        return tuple(found)

    async def get(self, letter_id: LetterId) -> DeadLetter | None:
        """As the port says."""
        values = await self._shelf.values([_place(letter_id)])
        return _letter(values[0]) if values else None

    async def remove(self, ids: Sequence[LetterId]) -> int:
        """As the port says."""
        removed = 0
        for begin in range(0, len(ids), _PORTION):
            values = await self._shelf.values([_place(each) for each in ids[begin : begin + _PORTION]])
            removed += await self._forget([_letter(value) for value in values])
        return removed

    async def purge(self, where: LetterFilter, *, limit: int) -> int:
        """As the port says."""
        ids: list[LetterId] = []
        async for letter in self._matching(where, None):
            if len(ids) == limit:
                break
            ids.append(letter.id)
        return await self.remove(ids)

    async def causes(self) -> Sequence[LetterCause]:
        """As the port says."""
        found = await self._server.ask("HGETALL", LETTER_COUNTS)
        pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
        counts = {tuple(name.decode().split("\0")): int(number) for name, number in pairs}
        causes = sorted(name[:2] for name in counts if len(name) == 3 and name[2] == "n")  # lane, code, n
        return tuple(LetterCause(*cause, counts[*cause, "n"], counts[*cause, "w"]) for cause in causes)

    async def _matching(self, where: LetterFilter, after: LetterId | None) -> AsyncIterator[DeadLetter]:
        lowest, highest = LOWEST, HIGHEST
        if where.lane is not None:
            lowest, highest = (b"[" + place(where.lane) + b"\0" + end for end in (b"", _ABOVE))
        if after is not None:
            lowest = max(lowest, b"(" + _place(after), key=lambda bound: bound[1:])
        while places := await self._shelf.places(lowest, highest, limit=_PORTION):
            for letter in map(_letter, await self._shelf.values(places)):
                wanted = ((where.code, letter.code), (where.key, letter.key))
                on_time = where.before is None or letter.failed_at < where.before
                if on_time and all(value in (None, found) for value, found in wanted):
                    yield letter
            lowest = b"(" + places[-1]

    async def _forget(self, letters: Sequence[DeadLetter]) -> int:
        parts = [part for each in letters for part in (_place(each.id), _cause(each), each.weight)]
        return int(await self._server.run("forget_letters", _KEYS, *parts))


def _place(letter_id: LetterId) -> bytes:
    return place(letter_id.lane, letter_id.sequence, letter_id.revision)


def _cause(letter: DeadLetter) -> str:
    return f"{letter.lane}\0{letter.code}"


def _letter(value: bytes) -> DeadLetter:
    return msgspec.msgpack.decode(value, type=DeadLetter)

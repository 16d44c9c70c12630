"""Dead letters in a dictionary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

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


class MemoryDeadLetters:
    """By id."""

    def __init__(self, bounds: LetterBounds | None = None) -> None:
        self.bounds = bounds or LetterBounds()
        self._letters: dict[LetterId, DeadLetter] = {}

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """As the port says."""
        new = [letter for letter in letters if letter.id not in self._letters]
        weight = sum(letter.weight for letter in self._letters.values())
        level = LetterLevel(records=len(self._letters), weight=weight, bounds=self.bounds)
        if new and level.is_full:
            raise DeadLettersFull(f"The dead letters are full: {level}.")
        for letter in new:
            self._letters.setdefault(letter.id, letter)

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
        for letter in self._matching(where):
            if after is not None and letter.id <= after:
                continue
            max_bytes -= letter.weight
            if len(found) == limit or (found and max_bytes < 0):
                break
            found.append(letter)
        return tuple(found)

    async def get(self, letter_id: LetterId) -> DeadLetter | None:
        """As the port says."""
        return self._letters.get(letter_id)

    async def remove(self, ids: Sequence[LetterId]) -> int:
        """As the port says."""
        return sum(self._letters.pop(each, None) is not None for each in ids)

    async def purge(self, where: LetterFilter, *, limit: int) -> int:
        """As the port says."""
        return await self.remove([letter.id for letter in self._matching(where)][:limit])

    async def causes(self) -> Sequence[LetterCause]:
        """As the port says."""
        records: Counter[tuple[str, str]] = Counter()
        weights: Counter[tuple[str, str]] = Counter()
        for letter in self._letters.values():
            records[letter.lane, letter.code] += 1
            weights[letter.lane, letter.code] += letter.weight
        return tuple(LetterCause(*cause, records[cause], weights[cause]) for cause in sorted(records))

    def _matching(self, where: LetterFilter) -> Iterator[DeadLetter]:
        for each in sorted(self._letters):
            letter = self._letters[each]
            wanted = ((where.lane, letter.lane), (where.code, letter.code), (where.key, letter.key))
            on_time = where.before is None or letter.failed_at < where.before
            if on_time and all(value in (None, found) for value, found in wanted):
                yield letter

"""Dead letters in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence

from domain.model.receipts import DeadLetter


class MemoryDeadLetters:
    """By place in the log, then by revision: a log that was thrown away numbers its records from 1 again."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, int], dict[int, DeadLetter]] = {}

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """As the port says."""
        for letter in letters:
            self._letters.setdefault((letter.lane, letter.sequence), {}).setdefault(letter.revision, letter)

    async def find(self, lane: str | None, *, after: tuple[str, int] | None, limit: int) -> Sequence[DeadLetter]:
        """As the port says."""
        places = sorted(
            place for place in self._letters if (lane is None or place[0] == lane) and (after is None or place > after)
        )
        return tuple(self._newest(place) for place in places[:limit])

    async def get(self, lane: str, sequence: int) -> DeadLetter | None:
        """As the port says."""
        return self._newest((lane, sequence)) if (lane, sequence) in self._letters else None

    async def remove(self, lane: str, sequence: int) -> bool:
        """As the port says."""
        there = self._letters.get((lane, sequence))
        if there is None:
            return False
        del there[max(there)]
        if not there:
            del self._letters[lane, sequence]
        return True

    async def count(self, lane: str | None = None) -> int:
        """As the port says."""
        return sum(len(there) for place, there in self._letters.items() if lane is None or place[0] == lane)

    def _newest(self, place: tuple[str, int]) -> DeadLetter:
        there = self._letters[place]
        return there[max(there)]

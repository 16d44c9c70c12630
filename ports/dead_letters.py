"""Records that their backend refuses: kept, with the reason, until someone repairs or purges them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.model.receipts import DeadLetter


class DeadLetters(Protocol):
    """A durable store. Identity is (lane, sequence) within one log, which the revision tells from a former one.

    A log that was thrown away numbers its records from 1 again: the former letter of a place is then kept behind the
    newer one, and is found, got and removed when that is gone. ``count`` counts both.
    """

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """Keep letters durably before the watermark moves; one that is there already stays as it is."""
        ...

    async def find(self, lane: str | None, *, after: tuple[str, int] | None, limit: int) -> Sequence[DeadLetter]:
        """Letters in order of (lane, sequence), of one lane or of all, behind ``after``."""
        ...

    async def get(self, lane: str, sequence: int) -> DeadLetter | None:
        """One letter, or None."""
        ...

    async def remove(self, lane: str, sequence: int) -> bool:
        """Forget a letter that is safe elsewhere or purged; False when it was not there."""
        ...

    async def count(self, lane: str | None = None) -> int:
        """How many there are, in one lane or in all."""
        ...

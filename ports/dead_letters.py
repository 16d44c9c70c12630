"""Records that their backend refuses: kept, with the reason, until someone repairs or purges them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.model.dead_letters import (
    EVERY_LETTER,
    PAGE_BYTES,
    DeadLetter,
    LetterCause,
    LetterFilter,
    LetterId,
)


class DeadLetters(Protocol):
    """A durable store with a bound, which only keeps more from coming in: nothing is ever dropped to make room."""

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """Keep letters durably before the watermark moves; one that is there already stays as it is.

        Raises DeadLettersFull where one is new and the store was at its bound; nothing was kept then.
        """
        ...

    async def find(
        self,
        where: LetterFilter = EVERY_LETTER,
        *,
        after: LetterId | None = None,
        limit: int,
        max_bytes: int = PAGE_BYTES,
    ) -> Sequence[DeadLetter]:
        """Letters behind ``after`` in order of their ids: at most ``limit``, at least one if there is one.

        Stops before ``max_bytes`` of weight are passed.
        """
        ...

    async def get(self, letter_id: LetterId) -> DeadLetter | None:
        """One letter, or None."""
        ...

    async def remove(self, ids: Sequence[LetterId]) -> int:
        """Forget letters that are safe elsewhere or purged; returns how many were there."""
        ...

    async def purge(self, where: LetterFilter, *, limit: int) -> int:
        """Forget up to ``limit`` letters for good; returns how many."""
        ...

    async def causes(self) -> Sequence[LetterCause]:
        """How many letters there are for which reason, in order of lane and code."""
        ...

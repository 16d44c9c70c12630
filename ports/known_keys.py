"""Which requests with an idempotency key were carried out, and which are being carried out now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.model.idempotency import IdempotencyKey, KeyedFrame


class KnownKeys(Protocol):
    """One view for all instances that append to a log. Raises JournalUnreachable where that is elsewhere."""

    async def hold(self, key: IdempotencyKey) -> bool:
        """Take a key for one request; False where another has it. Without it no frame under the key is kept."""
        ...

    async def find(self, key: IdempotencyKey) -> Sequence[KeyedFrame]:
        """The frames of former requests under a key that is held, older ones first; some may be of another day."""
        ...

    async def release(self, key: IdempotencyKey, *, at_once: bool) -> None:
        """Give a key back; not ``at_once``: when no frame under it can still be on its way. Never raises."""
        ...

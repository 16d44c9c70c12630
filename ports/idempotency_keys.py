"""The idempotency keys of requests whose records have left the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.model.idempotency import IdempotencyKey, KeyedFrame


class IdempotencyKeys(Protocol):
    """A durable store beside the log."""

    async def add(self, frames: Sequence[KeyedFrame]) -> None:
        """Keep keys durably before the watermark moves; of two with one key and part the later accepted one stays."""
        ...

    async def find(self, key: IdempotencyKey) -> Sequence[KeyedFrame]:
        """The parts of a request, in order."""
        ...

    async def purge(self, before: datetime, limit: int) -> int:
        """Forget up to ``limit`` of the frames accepted before a time, oldest first; returns how many."""
        ...

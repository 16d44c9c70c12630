"""Idempotency keys in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.model.idempotency import IdempotencyKey, KeyedFrame


class MemoryIdempotencyKeys:
    """What it holds ends with the process."""

    def __init__(self) -> None:
        self._frames: dict[IdempotencyKey, dict[int, KeyedFrame]] = {}

    async def add(self, frames: Sequence[KeyedFrame]) -> None:
        """As the port says."""
        for frame in frames:
            parts = self._frames.setdefault(frame.part.key, {})
            former = parts.setdefault(frame.part.number, frame)
            if former.accepted_at < frame.accepted_at:
                parts[frame.part.number] = frame

    async def find(self, key: IdempotencyKey) -> Sequence[KeyedFrame]:
        """As the port says."""
        parts = self._frames.get(key, {})
        return tuple(parts[number] for number in sorted(parts))

    async def purge(self, before: datetime, limit: int) -> int:
        """As the port says."""
        every = [frame for parts in self._frames.values() for frame in parts.values() if frame.accepted_at < before]
        gone = sorted(every, key=lambda frame: frame.accepted_at)[:limit]
        for frame in gone:
            del self._frames[frame.part.key][frame.part.number]
        self._frames = {key: parts for key, parts in self._frames.items() if parts}
        return len(gone)

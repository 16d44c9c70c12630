"""A cache in this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from domain.model.records import HealthStatus

ENTRY_BYTES = 250  # of an entry beside its value: key, tuple, place in the dictionary


class _Entry(NamedTuple):
    value: bytes
    expires: float  # monotonic seconds


class MemoryCache:
    """Bounded in entries and bytes: what was not asked for longest goes first."""

    def __init__(self, max_entries: int, max_bytes: int, monotonic: Callable[[], float]) -> None:
        """``max_bytes``: of the values, and ``ENTRY_BYTES`` for each."""
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self.size = 0  # bytes, as they are bounded

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> bytes | None:
        """As the port says."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._monotonic():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """As the port says; one value may take an eighth of the room."""
        self._drop(key)
        weight = len(value) + ENTRY_BYTES
        if seconds <= 0 or weight > self._max_bytes / 8:
            return
        self._entries[key] = _Entry(value, self._monotonic() + seconds)
        self.size += weight
        while len(self._entries) > self._max_entries or self.size > self._max_bytes:
            self._drop(next(iter(self._entries)))

    async def health_check(self) -> HealthStatus:
        """Always healthy."""
        return HealthStatus(healthy=True, detail="memory", latency_seconds=0.0)

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= len(entry.value) + ENTRY_BYTES

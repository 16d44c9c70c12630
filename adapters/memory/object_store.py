"""Objects in memory, for tests and trials: gone with the process."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence

from domain.errors import DigestMismatch, ObjectExists, ObjectNotFound
from domain.model.objects import StoredObject, Written, checked_name
from domain.model.records import HealthStatus
from ports.ambient import Clock
from ports.object_store import PIECE_BYTES, PORTION


class MemoryObjectStore:
    """A dictionary; objects are as large as the memory allows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[bytes, StoredObject]] = {}

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def put(self, name: str, content: AsyncIterable[bytes], *, sha256: bytes | None = None) -> Written:
        """Keep the bytes."""
        checked_name(name)
        whole = bytearray()
        async for piece in content:
            whole += piece
        digest = hashlib.sha256(whole).digest()
        if sha256 not in (None, digest):
            raise DigestMismatch
        if name in self._objects:
            raise ObjectExists(f"There is an object {name} already.")
        stored = StoredObject(name=name, size=len(whole), stored_at=self._clock.now())
        self._objects[name] = bytes(whole), stored
        return Written(len(whole), digest)

    async def get(self, name: str, *, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes, in pieces."""
        found = self._objects.get(checked_name(name))
        if found is None:
            raise ObjectNotFound(f"There is no object {name}.")
        end = found[1].size if length is None else min(found[1].size, start + length)
        for place in range(start, end, PIECE_BYTES):
            yield found[0][place : min(end, place + PIECE_BYTES)]

    async def stat(self, name: str) -> StoredObject | None:
        """What is known of an object."""
        found = self._objects.get(checked_name(name))
        return found[1] if found else None

    async def delete(self, name: str) -> None:
        """Forget an object."""
        self._objects.pop(checked_name(name), None)

    async def list(self, prefix: str = "") -> AsyncIterator[Sequence[StoredObject]]:
        """The objects in order."""
        names = sorted(name for name in self._objects if name.startswith(prefix))
        for place in range(0, len(names), PORTION):
            yield [self._objects[name][1] for name in names[place : place + PORTION] if name in self._objects]

    async def health_check(self) -> HealthStatus:
        """Always well."""
        return HealthStatus(healthy=True, detail="memory", latency_seconds=0.0)

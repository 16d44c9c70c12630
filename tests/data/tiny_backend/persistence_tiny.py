"""The least that a backend can be: the universal five, in memory, and none of the optional abilities."""

from __future__ import annotations

from adapters.memory.backend import MemoryBackend
from ports.backend_type import BackendContext, BackendSettings, BackendType


class TinySettings(BackendSettings, frozen=True, kw_only=True):
    """One setting, so that there is one."""

    greeting: str = "hello"


class TinyBackend:
    """Keeps records in a dictionary, which is somebody else's."""

    def __init__(self, settings: TinySettings) -> None:
        self._greeting = settings.greeting
        self._records = MemoryBackend()

    async def open(self) -> None:
        """Nothing to acquire."""

    async def close(self) -> None:
        """Nothing to release."""

    async def write(self, collection, records, *, verdicts=False):
        """As the port says."""
        return await self._records.write(collection, records, verdicts=verdicts)

    async def read(self, collection, key):
        """As the port says."""
        return await self._records.read(collection, key)

    async def query(self, collection, query):
        """As the port says."""
        return await self._records.query(collection, query)

    async def delete(self, collection, key):
        """As the port says."""
        await self._records.delete(collection, key)

    async def health_check(self):
        """As the port says."""
        return await self._records.health_check()


def _build(settings: TinySettings, _: BackendContext) -> TinyBackend:
    return TinyBackend(settings)


TINY = BackendType(TinySettings, _build)

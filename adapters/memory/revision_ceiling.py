"""The bound of the revisions in memory."""

from __future__ import annotations

from ports.revision_ceiling import Reservation


class MemoryRevisionCeiling:
    """Forgotten with the process, like everything that the revisions of a memory store could clash with."""

    def __init__(self, instance: int = 1, salt: int = 0) -> None:
        self._instance = instance
        self._salt = salt
        self._ceiling_tick = 0

    async def load(self) -> Reservation:
        """As the port says."""
        return Reservation(self._instance, self._ceiling_tick, self._salt)

    async def reserve(self, ceiling_tick: int) -> bool:
        """As the port says."""
        self._ceiling_tick = max(self._ceiling_tick, ceiling_tick)
        return True

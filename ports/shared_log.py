"""What a pending log that is drained elsewhere tells those who wait here."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

from domain.model.lanes import LaneState


class Watched(msgspec.Struct, frozen=True):
    """How far a partition is."""

    head: int
    committed: int
    drained: bool  # somebody holds the partition's lease
    state: LaneState | None = None  # how the drain fares, by the last word of who held it


@runtime_checkable
class SharedLog(Protocol):
    """A log that workers elsewhere drain."""

    async def watch(self, lane: str, partition: int, wanted: int) -> Watched:
        """Look, and have whoever drains hurry up to record ``wanted``. Raises JournalUnreachable."""
        ...


class Leases(Protocol):
    """Who drains which partition. Each call raises JournalUnreachable."""

    async def enlist(self) -> int:
        """Be one of the workers for some seconds from now; how many there are."""
        ...

    async def leave(self) -> None:
        """Be none any more."""
        ...

    async def take(self, lane: str, partition: int) -> bool:
        """Take a partition; False where another worker holds it."""
        ...

    async def renew(self, lane: str, partition: int, state: LaneState) -> int | None:
        """Hold it for longer, telling how its drain fares; up to which record somebody waits, None where it is lost."""
        ...

    async def release(self, lane: str, partition: int) -> None:
        """Give it back."""
        ...

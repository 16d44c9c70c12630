"""The durable bound that keeps revisions from going back."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Reservation(msgspec.Struct, frozen=True):
    """What a start finds: this instance's number, and the tick below which revisions may have been given."""

    instance: int  # 1..1023
    ceiling_tick: int  # milliseconds since 2020, 0 at the very first start
    salt: int = 0  # of 30 bits: tells instances apart that have drawn one number; 0 where no two can have one


class RevisionCeiling(Protocol):
    """Durable state of the revision issuer; one per data folder."""

    async def load(self) -> Reservation:
        """Read the state. A data folder that was copied from elsewhere is given a new number; the salt stays."""
        ...

    async def reserve(self, ceiling_tick: int) -> bool:
        """Durably raise the ceiling, never lower it; False where this instance's number is another's by now."""
        ...

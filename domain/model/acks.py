"""What the answer to a batch means."""

from __future__ import annotations

from enum import StrEnum


class Ack(StrEnum):
    """Levels of acknowledgement, by what the record would survive."""

    JOURNALED = "journaled"  # fsynced in the journal: a power loss
    ACCEPTED = "accepted"  # on its way to the disk: nothing
    STORED = "stored"  # committed in the backend: what the backend survives

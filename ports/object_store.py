"""Where the content of files is kept: whole objects, written once, read in parts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from typing import Protocol

from domain.model.objects import StoredObject, Written
from domain.model.records import HealthStatus

PORTION = 1000  # objects in one portion of a list, at most
PIECE_BYTES = 1024 * 1024  # bytes in one piece of an object that is read, at most


class ObjectStore(Protocol):
    """Objects never change: one is put once, and is there whole or not at all.

    Names are those that ``checked_name`` takes; others are a ValueError. No method holds more than a few MiB, however
    large the object. A store that does not answer is BackendUnavailable; one without room is BackendExhausted.
    """

    async def put(self, name: str, content: AsyncIterable[bytes], *, sha256: bytes | None = None) -> Written:
        """Store a new object; when this returns, it is whole and survives a power loss.

        Of many that put one name at once, exactly one succeeds. Where ``content`` raises, is cancelled, or has another
        digest than ``sha256``, nothing is there afterwards.
        Raises ObjectExists, DigestMismatch, and whatever ``content`` raises.
        """
        ...

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` on, ``length`` of them or all; fewer where the object ends before.

        Who does not read to the end closes it. An object that is deleted meanwhile may end early with ObjectNotFound,
        never silently.
        Raises ObjectNotFound at the first piece.
        """
        ...

    async def stat(self, name: str) -> StoredObject | None:
        """What is known of an object; None where it is absent."""
        ...

    async def delete(self, name: str) -> None:
        """Remove an object; one that is absent is not an error."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[Sequence[StoredObject]]:
        """The objects whose names begin so, in the order of their names, in portions.

        What is put or deleted meanwhile may be in it or not. A put that has not ended is not.
        """
        ...

    async def health_check(self) -> HealthStatus:
        """Whether an object could be stored now; never raises."""
        ...

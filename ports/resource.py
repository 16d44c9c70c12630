"""Lifecycle of everything that holds a connection, a file or a thread."""

from __future__ import annotations

from typing import Protocol


class Resource(Protocol):
    """Constructors assign; ``open`` connects; ``close`` releases. Both are idempotent."""

    async def open(self) -> None:
        """Acquire what the adapter needs.

        Raises BackendUnavailable where a server does not answer, which may be tried again: nothing is held then.
        StartFailure where something must be mended first: a password, a setting, a table.
        """

    async def close(self) -> None:
        """Release everything; never raises for what is already gone."""

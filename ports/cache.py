"""Answers that are kept for a while, and what tells whether they still hold."""

from __future__ import annotations

from typing import Protocol

from domain.model.records import HealthStatus


class Cache(Protocol):
    """Bytes by key. It may forget anything at any time, and never answers what was not put under the very key."""

    async def get(self, key: str) -> bytes | None:
        """What was put and has not expired. Raises Unavailable."""
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep for at most ``seconds``; what is too large is not kept. Raises Unavailable."""
        ...

    async def health_check(self) -> HealthStatus:
        """Probe it; one that is away is an answer, not an exception."""
        ...


class Generations(Protocol):
    """A name for what the stores of collections hold.

    Before anybody can learn that a batch was applied, it becomes another one, and never one that it was before. So what
    was read from a store behind a look at the generation shows every batch that was known to be applied at any later
    look which finds the same one.
    """

    async def of(self, lane: str) -> str | None:
        """The generation of a collection; None where it is not known. Raises Unavailable."""
        ...

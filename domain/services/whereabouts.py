"""Whether the records of files are where they were: anywhere else, no content has a record that names it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from domain.errors import ObjectExists, SchemaMismatch
from ports.ambient import Clock
from ports.object_store import ObjectStore

MOVED = timedelta(days=7)  # by then somebody misses the files, and turns the route back
NOTES = _KEPT, _TURNED = "keeps-", "turns-"  # what the names of notes begin with


class Whereabouts:
    """Notes the place of the records beside the content, in empty objects: these outlive the process and its folder."""

    def __init__(self, objects: ObjectStore, place: Callable[[], str], clock: Clock) -> None:
        """``place``: where the records are kept now, in characters of an object's name."""
        self._objects = objects
        self._place = place
        self._clock = clock

    async def check(self) -> None:
        """Return where the records are in the place in which they were a week ago.

        Raises SchemaMismatch where they are in another one, BackendError.
        """
        place, kept, turned = self._place(), await self._noted(_KEPT), await self._noted(_TURNED)
        if kept.keys() - {place}:
            await self._settled(place, turned)
        if place not in kept:
            await self._note(_KEPT, place)
        former = [f"{_KEPT}{other}" for other in kept if other != place]
        for name in [*former, *(f"{_TURNED}{other}" for other in turned)]:
            await self._objects.delete(name)

    async def _settled(self, place: str, turned: dict[str, datetime]) -> None:
        if place not in turned:
            await self._note(_TURNED, place)
        until = turned.get(place, self._clock.now()) + MOVED
        if self._clock.now() < until:
            raise SchemaMismatch(
                "The records of files are not in the backend that they were in. Content that no record names there is "
                f"kept until {until:%Y-%m-%d %H:%M} UTC; turn the route back, or copy them, before that."
            )

    async def _noted(self, kind: str) -> dict[str, datetime]:
        """The places of which there is a note, and since when."""
        return {
            found.name.removeprefix(kind): found.stored_at
            async for portion in self._objects.list(kind)
            for found in portion
        }

    async def _note(self, kind: str, place: str) -> None:
        with suppress(ObjectExists):  # another instance was faster
            await self._objects.put(f"{kind}{place}", _nothing())


async def _nothing() -> AsyncIterator[bytes]:
    yield b""

"""Holding a collection's flush back for a while, so that its route can turn to another backend in between."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import NamedTuple

from domain.errors import AbilityMissing, Conflict, FlushIncomplete, PersistenceError
from domain.model.collections import Collection
from domain.services.flush import FlushEngine
from domain.services.gate import Gate
from entrypoints.backends import Backends, Reloaded
from ports.ambient import Ids

SETTLE_SECONDS = 20.0  # for the batch that is in hand


class Holds:
    """Who holds a collection must renew the hold, or it ends by itself.

    A hold always ends by a reload of the configuration, asked for or not: whoever rewrote a route and then vanished
    has decided, and what waits goes where the next start would take it.
    """

    def __init__(self, gate: Gate, flush: FlushEngine, backends: Backends, ids: Ids, shared: int = 0) -> None:
        """``shared``: whether workers elsewhere drain, which no hold of this process reaches."""
        self._shared = shared
        self._gate = gate
        self._flush = flush
        self._backends = backends
        self._ids = ids
        self._holds: dict[str, _Hold] = {}
        self._preparations: dict[str, _Preparation] = {}
        self._preparing = asyncio.Lock()

    async def prepare(self, collection: Collection, towards: str, seconds: float) -> None:
        """Make ready what another backend needs to keep a collection: it is opened, and its worker process runs.

        For a hold that begins within ``seconds``, and the reload at its end. Raises StartFailure or BackendError where
        the backend cannot be used.
        """
        name = collection.name
        self._refuse_shared(name)

        async def end() -> None:
            await asyncio.sleep(seconds)
            await self._preparations.pop(name).ready.aclose()

        async with self._preparing:
            await self._prepared(name).aclose()
            stack = AsyncExitStack()
            await stack.enter_async_context(self._backends.prepared(name, towards))
            self._preparations[name] = _Preparation(stack, asyncio.create_task(end()))

    async def hold(self, collection: Collection, seconds: float, renewed: str | None = None) -> str:
        """Flush nothing of a collection for ``seconds`` from now; returns the hold's name when its backend is at rest.

        Intake and reads go on. ``renewed``: the hold that is to last longer. Raises Conflict where that has ended, or
        where another one is in force, FlushIncomplete where a batch that is in hand does not end.
        """
        name = collection.name
        self._refuse_shared(name)
        if renewed is None:
            await self._settle(collection)
            self._holds[name] = _Hold(self._ids.request_id(), self._ending(name, seconds), self._prepared(name))
            return self._holds[name].id
        held = self._checked(name, renewed)
        held.end.cancel()
        self._holds[name] = held._replace(end=self._ending(name, seconds))
        return renewed

    async def release(self, collection: Collection, held: str | None = None) -> Reloaded:
        """Reload, and go on. ``held``: the hold that must not have ended meanwhile.

        Raises Conflict where it has, StartFailure or BackendError where the configuration is no good: it stays then.
        """
        name = collection.name
        if held is not None:
            self._checked(name, held)
        outcome = await self._backends.reload()
        ended = self._holds.pop(name, None)
        if ended is not None:
            ended.end.cancel()
        self._gate.open(name)
        if ended is not None:
            await ended.ready.aclose()
        return outcome

    async def close(self) -> None:
        """Forget all holds, and let go of what was made ready: the next start reads the configuration anyway."""
        ending: list[_Hold | _Preparation] = [*self._holds.values(), *self._preparations.values()]
        for found in ending:
            found.end.cancel()
            await found.ready.aclose()
        self._holds.clear()
        self._preparations.clear()

    def is_held(self, name: str) -> bool:
        """Whether a collection's flush is held back."""
        return not self._gate.is_open(name)

    async def _settle(self, collection: Collection) -> None:
        """Close the gate; return when what has passed it is stored."""
        name = collection.name
        if not self._gate.is_open(name):
            raise Conflict(f"The flush of {name} is held already.")
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._flush.wait_applied(collection, [self._gate.close(name)], SETTLE_SECONDS)
        except BaseException as error:
            self._gate.open(name)
            if not isinstance(error, TimeoutError):
                raise
            sentence = f"A batch of {name} did not end within {SETTLE_SECONDS:g} s."
            raise FlushIncomplete(sentence, retry_after=5.0) from None

    def _prepared(self, name: str) -> AsyncExitStack:
        """What was made ready for a collection, if anything; whoever asks closes it."""
        found = self._preparations.pop(name, None)
        if found is None:
            return AsyncExitStack()
        found.end.cancel()
        return found.ready

    def _refuse_shared(self, name: str) -> None:
        if self._shared:
            raise AbilityMissing(f"Workers elsewhere drain {name}: stop them instead of holding its flush.")

    def _checked(self, name: str, held: str) -> _Hold:
        hold = self._holds.get(name)
        if hold is None or hold.id != held:
            raise Conflict(f"That hold of {name} has ended; what waited then has gone its way.")
        return hold

    def _ending(self, name: str, seconds: float) -> asyncio.Task[None]:
        async def end() -> None:
            await asyncio.sleep(seconds)
            held = self._holds.pop(name)  # nobody may count on it from here on
            with suppress(PersistenceError):  # reported by the backends themselves
                await self._backends.reload()
            self._gate.open(name)
            await held.ready.aclose()

        return asyncio.create_task(end())


class _Hold(NamedTuple):
    """A hold that is in force."""

    id: str
    end: asyncio.Task[None]
    ready: AsyncExitStack  # what the route may turn to


class _Preparation(NamedTuple):
    """What a route may turn to, before a hold."""

    ready: AsyncExitStack
    end: asyncio.Task[None]

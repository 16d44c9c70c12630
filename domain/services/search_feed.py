"""Keeps a search index equal to what the backends hold: a second reader of the pending log, behind the drain.

What the drain has stored is read back by key and indexed, so that the index never shows what the backend refused. An
index that is away delays nobody: its reader falls behind, and beyond a limit it lets the log go; what it missed is then
filled in from the backend, on request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal

import msgspec

from domain.errors import PersistenceError, RecordRefused, SearchIncomplete, UnexpectedFailure
from domain.model.collections import Collection
from domain.model.observations import (
    SearchIndexBehind,
    SearchIndexFilled,
    SearchIndexLost,
    SearchIndexRegained,
    SearchMeasured,
)
from domain.model.policies import MAX_STATEMENT_RECORDS
from domain.model.records import Record
from domain.model.search import IndexPosition
from domain.services.registry import StorageBackendRegistry
from domain.services.schema import RecordSchema
from domain.services.trail import keys_of
from ports.abilities import Dumping
from ports.ambient import Observer
from ports.search_index import SearchIndex
from ports.write_buffer import PendingLog

READER = "search"  # its name in the pending log
_PORTION_BYTES = 4 * 1024 * 1024  # of payload at a time
_IDLE_SECONDS = 0.25  # between looks for what is not in the log: a frame that is ends the wait at once
_GLANCE = 0.1  # seconds between looks while the drain is not yet done with what was read
_GIVEN_UP_SECONDS = 5.0  # between looks while the index waits to be filled anew: the log must not wait with it
_PAUSES = (1.0, 2.0, 5.0, 10.0)  # seconds after a failure, the last one for ever


class FeedState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an index is behind a collection."""

    state: Literal["following", "filling", "rebuild"]  # rebuild: it lacks something until it is filled in anew
    records: int  # that the backend was sent, and the index was not
    last_error: str | None


class SearchFeed:
    """One collection's way into the index."""

    def __init__(
        self,
        collection: Collection,
        schema: RecordSchema,
        log: PendingLog,
        index: SearchIndex,
        registry: StorageBackendRegistry,
        observer: Observer,
        origin: Callable[[], str],
        *,
        max_lag_bytes: int,
    ) -> None:
        """``origin``: names the log, and the backend that the records are read back from; ``max_lag_bytes``: of
        payload that the log keeps for the index alone.
        """
        self.collection = collection
        self._schema = schema
        self._log = log
        self._index = index
        self._registry = registry
        self._observer = observer
        self._origin = origin
        self._max_lag_bytes = max_lag_bytes
        self._state: Literal["following", "filling", "rebuild"] = "following"
        self._last_error: str | None = None
        self._attempt = 0
        self._wanted = asyncio.Event()  # that the index be filled anew
        self._moved = asyncio.Condition()
        self._through = -1  # last record that the index has
        self._followed = ""  # origin of what is read; another one by now where the route has turned

    async def run(self) -> None:
        """Follow until cancelled; begins by filling an index that never was."""
        while True:
            try:
                await self._once()
            except PersistenceError as error:
                await self._pause(error)
            except Exception as error:  # a bug must not end the feed unseen
                await self._pause(UnexpectedFailure(f"{type(error).__name__}: {error}"))

    async def state(self) -> FeedState:
        """How the index fares."""
        records, _ = await self._lag()
        return FeedState(state=self._state, records=records, last_error=self._last_error)

    def rebuild(self) -> None:
        """Have the index emptied and filled from the backend; searches are refused until it is full."""
        self._wanted.set()
        self._state, self._through = "filling", -1

    def check(self) -> None:
        """Raises SearchIncomplete while the index lacks what it should have."""
        if self._state != "following":
            cure = "`persistence search rebuild` fills it in" if self._state == "rebuild" else "it is being filled"
            raise SearchIncomplete(f"The index of {self.collection.name} is not complete; {cure}.", retry_after=5.0)

    async def filled(self) -> None:
        """Return when the index is not being filled any more."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._state != "filling")

    async def reach(self, through: int) -> None:
        """Return when the index has what was stored up to a record."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._through >= through)

    async def _once(self) -> None:
        """From one look at the index's position to the next."""
        if self._wanted.is_set():
            await self._empty()
        before, self._followed = self._followed, self._origin()
        position = await self._index.position(self.collection, self._followed)
        if position is None or before not in ("", self._followed):
            await self._fill()
        elif await self._is_continuous(position):
            await self._follow()
        else:
            await self._wait_for_rebuild(position)

    async def _is_continuous(self, position: IndexPosition) -> bool:
        """Whether the log still has all that the index lacks."""
        depth = await self._log.depth(self.collection.name, READER)
        if position.through is None or not depth.committed <= position.through <= depth.head:
            return False
        self._state = "following"
        await self._reached(position.through)
        return True

    async def _empty(self) -> None:
        await self._index.clear(self.collection)
        self._wanted.clear()

    async def _wait_for_rebuild(self, position: IndexPosition) -> None:
        """For a while; what is stored meanwhile is not followed, and whoever else searches the index must know."""
        self._state = "rebuild"
        if position.through is not None:
            await self._index.index(self.collection, (), IndexPosition(position.origin, None))
        await self._give_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GIVEN_UP_SECONDS):
                await self._wanted.wait()

    async def _fill(self) -> None:
        """From the backend, while others go on writing: what they write meanwhile is behind the position.

        What is in the index stays: other instances may be filling it too, and the greater version wins.
        """
        self._state, self._through = "filling", -1
        name = self.collection.name
        through = (await self._log.depth(name)).committed
        await self._log.commit(name, 0, READER, through)
        records = 0
        async for portion in self._registry.ability(self.collection, Dumping).dump(self.collection):
            await self._index.index(self.collection, portion)
            records += len(portion)
        await self._index.index(self.collection, (), IndexPosition(self._followed, through))
        self._recover()
        self._observer(SearchIndexFilled(collection=name, records=records))

    async def _follow(self) -> None:
        while self._state == "following" and self._origin() == self._followed:
            after = self._through
            applied = (await self._log.depth(self.collection.name)).committed  # asked first: a look misses none of it
            frames = await self._log.read(
                self.collection.name, 0, after, max_bytes=_PORTION_BYTES, wait_seconds=_IDLE_SECONDS
            )
            stored = (await self._log.depth(self.collection.name)).committed
            ready = [frame for frame in frames if frame.last <= stored]
            if ready or (applied > after and not frames):
                keys = {key for frame in ready for key in keys_of(self._schema, frame)}
                await self._take(sorted(keys), ready[-1].last if ready else applied)
            elif frames:
                await asyncio.sleep(_GLANCE)
            else:
                self._recover()  # the index has told its position, and lacks nothing

    async def _take(self, keys: Sequence[str], through: int) -> None:
        """Index records as they are stored by now."""
        dumping = self._registry.ability(self.collection, Dumping)
        for begin in range(0, len(keys), MAX_STATEMENT_RECORDS):
            async for portion in dumping.dump(self.collection, among=keys[begin : begin + MAX_STATEMENT_RECORDS]):
                await self._indexed(portion)
        await self._index.index(self.collection, (), IndexPosition(self._followed, through))
        await self._log.commit(self.collection.name, 0, READER, through)
        self._recover()
        await self._reached(through)
        await self._bound()

    async def _indexed(self, records: Sequence[Record]) -> None:
        """An index that refuses a record is not as it was made: nothing that follows shall wait behind that unseen."""
        try:
            await self._index.index(self.collection, records)
        except RecordRefused:
            await self._index.index(self.collection, (), IndexPosition(self._followed, None))
            raise

    async def _reached(self, through: int) -> None:
        async with self._moved:
            self._through = through
            self._moved.notify_all()

    async def _give_up(self) -> None:
        """Let the log go: what is in it for the index alone will be filled in from the backend."""
        await self._log.commit(self.collection.name, 0, READER, (await self._log.depth(self.collection.name)).committed)

    async def _pause(self, error: PersistenceError) -> None:
        """Wait before the next try; what the log keeps for the index alone is bounded meanwhile."""
        if self._last_error is None:
            self._observer(SearchIndexLost(collection=self.collection.name, error=error.code, detail=error.detail))
        self._last_error = error.detail
        await self._bound()
        await asyncio.sleep(_PAUSES[min(self._attempt, len(_PAUSES) - 1)])
        self._attempt += 1

    async def _bound(self) -> None:
        """Let the log go where the index is too far behind the backend, be it away or slow."""
        records, size = await self._lag()
        if self._state == "following" and size > self._max_lag_bytes:
            self._state = "rebuild"
            self._observer(SearchIndexBehind(collection=self.collection.name, records=records))
        if self._state != "following":
            await self._give_up()
        await self._measure()

    async def _lag(self) -> tuple[int, int]:
        """Records that the backend has taken and the index has not, and the bytes that the log keeps for that alone."""
        index = await self._log.depth(self.collection.name, READER)
        backend = await self._log.depth(self.collection.name)
        return max(0, backend.committed - index.committed), max(0, index.payload_bytes - backend.payload_bytes)

    async def _measure(self) -> None:
        state = await self.state()
        self._observer(
            SearchMeasured(collection=self.collection.name, records=state.records, complete=state.state == "following")
        )

    def _recover(self) -> None:
        if self._last_error is not None:
            self._observer(SearchIndexRegained(collection=self.collection.name))
        self._last_error, self._attempt = None, 0

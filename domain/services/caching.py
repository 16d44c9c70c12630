"""Cache-aside: an answer of a store is kept under the generation that the store had before it was asked.

Whoever asks looks at the generation first. The same one means that nothing which is known to be applied has changed the
store since; another one, and the answer is not found any more. No value is ever removed: it expires.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from domain.errors import Unavailable
from domain.model.collections import Collection
from domain.model.observations import CacheAsked
from domain.model.query import QueryResult
from domain.model.records import Record
from domain.services.circuit import Circuit
from domain.services.ending import ended
from ports.ambient import Observer
from ports.cache import Cache, Generations

T = TypeVar("T")
MAX_PUTS = 1000  # on their way at once; what comes beyond is not kept


class Outcome(StrEnum):
    """What the cache was good for."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"  # it was not asked, or did not answer


class Use(StrEnum):
    """What an answer is, which decides about the cache that it is kept in."""

    RECORDS = "records"  # single ones, and what is shown with them
    LISTS = "lists"  # and numbers of records


class Lookup:
    """One request's way past the cache: whether it may be answered from there, and what came of it."""

    def __init__(self, *, fresh: bool = False) -> None:
        """``fresh``: from the store, whatever is cached."""
        self.fresh = fresh
        self._outcomes: set[Outcome] = set()

    def note(self, outcome: Outcome) -> None:
        """A part of the answer."""
        self._outcomes.add(outcome)

    def renewed(self) -> Lookup:
        """The same way, from the store."""
        self.fresh = True
        return self

    @property
    def outcome(self) -> Outcome | None:
        """Of the whole answer: a hit where every part is one; None where nothing was looked up."""
        return max(self._outcomes, key=list(Outcome).index) if self._outcomes else None


class Kind(Generic[T]):
    """A kind of answer, and how it is written down."""

    def __init__(self, answer: Any) -> None:  # Any: a type form like ``Record | None``
        """``answer``: its type."""
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(answer)

    def read(self, content: bytes) -> T | None:
        """What was written; None where it cannot be read: it is not from here."""
        try:
            return self._decoder.decode(content)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            return None


class Stored(msgspec.Struct, frozen=True):
    """What a store answers to a key."""

    record: Record | None


class Counts(msgspec.Struct, frozen=True):
    """Numbers of records by the values of a field."""

    by_value: dict[str, int]


STORED: Kind[Stored] = Kind(Stored)
COUNTS: Kind[Counts] = Kind(Counts)
PAGE: Kind[QueryResult] = Kind(QueryResult)


class _Key(NamedTuple):
    """Names a question, a generation and a place."""

    text: str
    place: str


class Level:
    """One cache with the circuit before it."""

    def __init__(self, name: str, cache: Cache, circuit: Circuit, seconds: Callable[[str], float]) -> None:
        """``seconds``: how long the answers of a collection, by name, are kept; 0: not at all."""
        self.name = name
        self.cache = cache
        self.circuit = circuit
        self.seconds = seconds


class Caching:
    """Answers questions from a cache, or else from the store, which many equal questions at once ask only once."""

    def __init__(
        self,
        release: str,
        place: Callable[[Collection], str | None],
        generations: Generations,
        asking: Circuit,
        observer: Observer,
        levels: Mapping[Use, Level],
    ) -> None:
        """``place``: where a collection is kept; None where others write there unseen. ``asking``: for generations."""
        self._levels = levels
        self._release = release
        self._place = place
        self._generations = generations
        self._asking = asking
        self._observer = observer
        self._flights: dict[str, asyncio.Task[Any]] = {}  # Any: each key has answers of one type
        self._puts: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Drop what nobody waits for any more."""
        await ended(*self._flights.values(), *self._puts)

    async def answer(
        self,
        use: Use,
        collection: Collection,
        question: tuple[object, ...],
        kind: Kind[T],
        ask: Callable[[], Coroutine[Any, Any, T]],
        lookup: Lookup,
    ) -> T:
        """The answer to a question about one collection; ``ask``: the store. Raises what ``ask`` raises."""
        level = self._levels.get(use)
        key = None if level is None or lookup.fresh else await self._key(level, collection, question)
        if level is None or key is None:
            self._note(level, Outcome.BYPASS, lookup)
            return await ask()
        found = await self._found(level, key.text, kind, lookup)
        return found if found is not None else await self._shared(level, key, collection, ask)

    async def _key(self, level: Level, collection: Collection, question: tuple[object, ...]) -> _Key | None:
        """None where no answer could be trusted."""
        place = self._place(collection)
        if place is None or not level.seconds(collection.name):
            return None
        try:
            generation = await self._asking.call(lambda: self._generations.of(collection.name))
        except Unavailable:
            return None
        if generation is None:
            return None
        parts = (self._release, place, generation, collection.name, question)
        return _Key(hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=24).hexdigest(), place)

    async def _found(self, level: Level, key: str, kind: Kind[T], lookup: Lookup) -> T | None:
        try:
            content = await level.circuit.call(lambda: level.cache.get(key))
        except Unavailable:
            self._note(level, Outcome.BYPASS, lookup)
            return None
        found = None if content is None else kind.read(content)
        self._note(level, Outcome.MISS if found is None else Outcome.HIT, lookup)
        return found

    async def _shared(
        self, level: Level, key: _Key, collection: Collection, ask: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """One question to the store for all who have the same one at the same generation."""
        flight: asyncio.Task[T] | None = self._flights.get(key.text)
        if flight is None:
            flight = self._flights[key.text] = asyncio.create_task(ask())

            def landed(task: asyncio.Task[T]) -> None:
                del self._flights[key.text]
                answered = not task.cancelled() and task.exception() is None
                if answered and self._place(collection) == key.place:  # else it may be of another store
                    self._keep(level, key.text, task.result(), level.seconds(collection.name))

            flight.add_done_callback(landed)
        return await asyncio.shield(flight)

    def _keep(self, level: Level, key: str, answer: Any, seconds: float) -> None:
        """Put it aside; who asked does not wait for that."""
        if level.circuit.trouble is None and len(self._puts) < MAX_PUTS:
            put = asyncio.create_task(self._put(level, key, answer, seconds))
            self._puts.add(put)
            put.add_done_callback(self._puts.discard)

    async def _put(self, level: Level, key: str, answer: Any, seconds: float) -> None:
        content = msgspec.msgpack.encode(answer)
        try:
            await level.circuit.call(lambda: level.cache.put(key, content, seconds))
        except Unavailable:
            return  # it is reported

    def _note(self, level: Level | None, outcome: Outcome, lookup: Lookup) -> None:
        lookup.note(outcome)
        if level is not None:
            self._observer(CacheAsked(level=level.name, outcome=outcome.value))

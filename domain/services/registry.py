"""Which backend serves which collection."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar, cast

import msgspec

from domain.errors import (
    AbilityMissing,
    BackendError,
    PersistenceError,
    SchemaMismatch,
    UnknownBackend,
    UnknownCollection,
)
from domain.model.collections import Collection
from domain.model.observations import StorageOperated
from domain.model.records import HealthStatus
from domain.services.breaker import CircuitBreaker
from domain.services.opening import Opened
from ports.abilities import ParallelWrites
from ports.ambient import Clock, Observer
from ports.storage_backend import StorageBackend

Ability = TypeVar("Ability")
_OPENING_SECONDS = 1.0  # that a probe waits for a backend which is not open yet


class NamedBackend(msgspec.Struct, frozen=True):
    """A backend under the name that routes use."""

    name: str
    type: str  # "sqlite", "mysql", ...: the label of its metrics
    adapter: StorageBackend
    alone: bool = False  # whether nothing but this service writes to it
    place: str = ""  # where its records are: other text for another place


class StorageBackendRegistry:
    """Holds backends by name and routes each collection to one; both may be replaced while calls run."""

    def __init__(
        self,
        backends: Iterable[NamedBackend],
        routes: Mapping[str, str],
        collections: Sequence[Collection],
        observer: Observer,
        clock: Clock,
    ) -> None:
        """``routes``: backend name by collection name. Raises UnknownBackend for a route into the void."""
        self.collections = tuple(collections)
        self.generation = 0  # of backends and routes: 1 at the start
        self._collections = {collection.name: collection for collection in collections}
        self._observer = observer
        self._clock = clock
        self._timed: dict[str, _Timed] = {}
        self._routes: dict[str, str] = {}
        self.replace(backends, routes)

    @property
    def routes(self) -> Mapping[str, str]:
        """Backend name by collection name."""
        return self._routes

    def replace(self, backends: Iterable[NamedBackend], routes: Mapping[str, str]) -> Callable[[], Awaitable[None]]:
        """Serve by these from the next call on; a call that runs ends where it began.

        Returns what waits until no call runs in an adapter that is no longer among them.
        Raises UnknownBackend for a route into the void; nothing has changed then.
        """
        former = {id(timed.adapter): timed for timed in self._timed.values()}
        timed: dict[str, _Timed] = {}
        for named in backends:
            known = former.pop(id(named.adapter), None)
            timed[named.name] = known or _Timed(named, self._kept_in, self._observer, self._clock)
            timed[named.name].named = named
        for name in self._collections:
            if routes.get(name) not in timed:
                names = ", ".join(sorted(timed))
                raise UnknownBackend(f"{name} is routed to backend {routes.get(name)!r}; configured are: {names}.")
        self._timed, self._routes = timed, {name: routes[name] for name in self._collections}
        self.generation += 1

        async def idle() -> None:
            for gone in former.values():
                await gone.idle.wait()

        return idle

    def postpone(self, name: str, opened: Opened) -> None:
        """A backend is not open yet: whatever is asked of it waits until it is ``opened``."""
        self._timed[name].opened = opened

    def collection(self, name: str) -> Collection:
        """A declared collection. Raises UnknownCollection."""
        try:
            return self._collections[name]
        except KeyError:
            raise UnknownCollection(f"No collection is called {name[:80]!r}.") from None

    def routed(self, collection: Collection) -> NamedBackend:
        """What is known of the backend that stores a collection."""
        return self._timed[self._routes[collection.name]].named

    def backend(self, collection: Collection) -> StorageBackend:
        """The backend that stores a collection; its operations are timed."""
        return cast("StorageBackend", self._timed[self._routes[collection.name]])

    def ability(self, collection: Collection, protocol: type[Ability]) -> Ability:
        """The collection's backend as one that has an ability. Raises AbilityMissing."""
        name = self._routes[collection.name]
        if not isinstance(self._timed[name].adapter, protocol):
            raise AbilityMissing(f"Backend {name!r} behind {collection.name} lacks the ability {protocol.__name__}.")
        return cast("Ability", self._timed[name])

    def parallel_writes(self, collection: Collection) -> int:
        """How many statements of a batch the collection's backend likes to have at once."""
        adapter = self._timed[self._routes[collection.name]].adapter
        return adapter.parallel_writes if isinstance(adapter, ParallelWrites) else 1

    def breaker(self, collection: Collection) -> CircuitBreaker:
        """What a collection's writes pass on their way to its backend."""
        return self._timed[self._routes[collection.name]].breaker

    async def health(self) -> Mapping[str, HealthStatus]:
        """Probe every backend at once."""
        probes = [timed.health_check() for timed in self._timed.values()]
        return dict(zip(self._timed, await asyncio.gather(*probes), strict=True))

    def _kept_in(self, backend: str) -> list[str]:
        return [name for name, routed in self._routes.items() if routed == backend]


class _Timed:
    """A backend whose calls are counted while they run, and reported when they ended; all else passes through."""

    def __init__(
        self, backend: NamedBackend, kept_in: Callable[[str], Sequence[str]], observer: Observer, clock: Clock
    ) -> None:
        """``kept_in``: the collections of a backend."""
        self.named = backend
        self.adapter = backend.adapter
        self.breaker = CircuitBreaker(
            backend.name, self._answer, functools.partial(kept_in, backend.name), observer, clock
        )
        self.idle = asyncio.Event()
        self.idle.set()
        self.opened: Opened | None = None  # what must be awaited before anything is asked of it, if anything
        self._running = 0
        self._type = backend.type
        self._observer = observer
        self._clock = clock

    def __getattr__(self, operation: str) -> Any:  # whatever the adapter has under that name
        method = getattr(self.adapter, operation)
        if asyncio.iscoroutinefunction(method):
            return functools.partial(self._run, operation, method)
        return functools.partial(self._stream, method) if inspect.isasyncgenfunction(method) else method

    async def health_check(self) -> HealthStatus:
        """As the port says; a backend that cannot be opened is a sick one."""
        begun = self._clock.monotonic()
        try:
            with self._counted():
                async with asyncio.timeout(_OPENING_SECONDS):
                    await self._ready()
            health: HealthStatus = await self._run("health_check", self.adapter.health_check)
        except TimeoutError:
            detail = f"It was away at the start, and has not answered for {_OPENING_SECONDS:g} s."
            return HealthStatus(healthy=False, detail=detail, latency_seconds=self._clock.monotonic() - begun)
        except BackendError as error:
            return HealthStatus(healthy=False, detail=error.detail, latency_seconds=self._clock.monotonic() - begun)
        return health

    async def _answer(self) -> HealthStatus:
        """For the breaker: where something must be mended, the write that is let through says what, and pauses."""
        try:
            await self._ready()
        except SchemaMismatch as error:
            return HealthStatus(healthy=True, detail=error.detail, latency_seconds=0.0)
        except BackendError as error:
            return HealthStatus(healthy=False, detail=error.detail, latency_seconds=0.0)
        return await self.health_check()

    async def _ready(self) -> None:
        if self.opened is not None:
            await self.opened()
            self.opened = None

    async def _run(self, operation: str, method: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        begun = self._clock.monotonic()
        error = None
        try:
            with self._counted():
                await self._ready()
                return await method(*args, **options)
        except PersistenceError as failure:
            error = failure.code
            raise
        finally:
            seconds = self._clock.monotonic() - begun
            about = args[0].name if args and isinstance(args[0], Collection) else None
            self._observer(
                StorageOperated(backend=self._type, operation=operation, seconds=seconds, collection=about, error=error)
            )

    async def _stream(
        self, method: Callable[..., AsyncGenerator[Any, None]], *args: Any, **options: Any
    ) -> AsyncIterator[Any]:
        with self._counted():
            await self._ready()
            async with aclosing(method(*args, **options)) as portions:
                async for portion in portions:
                    yield portion

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._running += 1
        self.idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self.idle.set()

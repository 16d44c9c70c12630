"""Which backend serves which collection."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from domain.errors import AbilityMissing, PersistenceError, UnknownBackend, UnknownCollection
from domain.model.collections import Collection
from domain.model.observations import StorageOperated
from domain.model.records import HealthStatus
from ports.ambient import Clock, Observer
from ports.storage_backend import StorageBackend

Ability = TypeVar("Ability")


class NamedBackend(msgspec.Struct, frozen=True):
    """A backend under the name that routes use."""

    name: str
    type: str  # "sqlite", "mysql", ...: the label of its metrics
    adapter: StorageBackend


class StorageBackendRegistry:
    """Holds backends by name and routes each collection to one."""

    def __init__(
        self,
        backends: Iterable[NamedBackend],
        routes: Mapping[str, str],
        collections: Sequence[Collection],
        observer: Observer,
        clock: Clock,
    ) -> None:
        """``routes``: backend name by collection name. Raises UnknownBackend for a route into the void."""
        named = {backend.name: backend for backend in backends}
        self.collections = tuple(collections)
        self._collections = {collection.name: collection for collection in collections}
        self._timed = {name: _Timed(backend, observer, clock) for name, backend in named.items()}
        for collection in collections:
            if routes.get(collection.name) not in named:
                known = ", ".join(sorted(named))
                wanted = routes.get(collection.name)
                raise UnknownBackend(f"{collection.name} is routed to backend {wanted!r}; configured are: {known}.")
        self._routes = {collection.name: routes[collection.name] for collection in collections}

    @property
    def routes(self) -> Mapping[str, str]:
        """Backend name by collection name."""
        return self._routes

    def collection(self, name: str) -> Collection:
        """A declared collection. Raises UnknownCollection."""
        try:
            return self._collections[name]
        except KeyError:
            raise UnknownCollection(f"No collection is called {name[:80]!r}.") from None

    def backend(self, collection: Collection) -> StorageBackend:
        """The backend that stores a collection; its operations are timed."""
        return cast("StorageBackend", self._timed[self._routes[collection.name]])

    def ability(self, collection: Collection, protocol: type[Ability]) -> Ability:
        """The collection's backend as one that has an ability. Raises AbilityMissing."""
        name = self._routes[collection.name]
        if not isinstance(self._timed[name].adapter, protocol):
            raise AbilityMissing(f"Backend {name!r} behind {collection.name} lacks the ability {protocol.__name__}.")
        return cast("Ability", self._timed[name])

    async def health(self) -> Mapping[str, HealthStatus]:
        """Probe every backend at once."""
        probes = [cast("StorageBackend", timed).health_check() for timed in self._timed.values()]
        return dict(zip(self._timed, await asyncio.gather(*probes), strict=True))


class _Timed:
    """A backend whose asynchronous operations are reported; everything else passes through."""

    def __init__(self, backend: NamedBackend, observer: Observer, clock: Clock) -> None:
        self.adapter = backend.adapter
        self._type = backend.type
        self._observer = observer
        self._clock = clock

    def __getattr__(self, operation: str) -> Any:  # whatever the adapter has under that name
        method = getattr(self.adapter, operation)
        if not asyncio.iscoroutinefunction(method):
            return method
        return functools.partial(self._run, operation, method)

    async def _run(self, operation: str, method: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        begun = self._clock.monotonic()
        error = None
        try:
            return await method(*args, **options)
        except PersistenceError as failure:
            error = failure.code
            raise
        finally:
            seconds = self._clock.monotonic() - begun
            self._observer(StorageOperated(backend=self._type, operation=operation, seconds=seconds, error=error))

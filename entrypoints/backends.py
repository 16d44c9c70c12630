"""The configured backends while they serve, and the way from one configuration to the next."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from functools import lru_cache

import msgspec

from domain.errors import BackendError, BackendUnavailable, PersistenceError, StartFailure
from domain.model.collections import Collection
from domain.model.observations import BackendAbsent, ConfigurationReloaded, ReloadRefused
from domain.model.secret import Secret
from domain.services.opening import LateOpening
from domain.services.registry import NamedBackend, StorageBackendRegistry
from entrypoints.decoding import Tree
from entrypoints.sections import ConfiguredBackend
from entrypoints.settings import Settings
from ports.ambient import Clock, Observer
from ports.backend_type import BackendContext, OpenableBackend
from ports.migrating import Migrating

DRAIN_SECONDS = 30.0  # how long calls that run in a former backend may take before it is closed


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload came to."""

    generation: int
    routes: Mapping[str, str]  # backend by collection
    opened: tuple[str, ...]  # backends that are new or changed
    closed: tuple[str, ...]
    needs_restart: tuple[str, ...]  # changed keys that only a restart heeds


class Backends:
    """Owns the adapters: opens those that collections are routed to, replaces them on request, closes them.

    One configuration follows the other without a gap: what is new is opened and probed first, then the registry turns
    to it, then what is gone is closed as soon as the calls in it have ended. Moves no data.
    """

    def __init__(
        self,
        settings: Settings,
        collections: Sequence[Collection],
        observer: Observer,
        clock: Clock,
    ) -> None:
        """Raises StartFailure."""
        self.settings = settings  # the backends and routes of these serve
        self.reread: Callable[[], Settings] = lambda: self.settings  # the configuration as it is now
        self.vetted: Callable[[Settings], None] = lambda _: None  # raises where something else of it cannot serve
        self.turned: Callable[[Settings], Awaitable[None]] | None = None  # told of one that serves from here on
        self.standing_by: Callable[[Settings], AbstractAsyncContextManager[None]] = lambda _: nullcontext()
        self.absent: list[BackendAbsent] = []  # at the start
        self._late: dict[OpenableBackend, LateOpening] = {}  # of those
        self._fixed = _fixed(settings)  # what the process runs by, whatever is configured by now
        self._ready: dict[str, tuple[ConfiguredBackend, OpenableBackend]] = {}  # open, and nothing is kept in them yet
        self._collections = tuple(collections)
        self._observer = observer
        self._adapters = {name: build_backend(settings, name, collections) for name in used(settings, collections)}
        self.registry = StorageBackendRegistry(
            self._named(settings, self._adapters), self._routes(settings), collections, observer, clock
        )
        self._reloading = asyncio.Lock()

    @property
    def adapters(self) -> Mapping[str, OpenableBackend]:
        """Those that serve, by name."""
        return self._adapters

    def place(self, collection: str) -> str:
        """The place in which a collection is kept now."""
        return place_of(self.settings.backends[self.settings.collection(collection).backend])

    async def open(self) -> None:
        """Connect all; one whose server does not answer is opened when it does. Raises StartFailure that names it."""
        for name, adapter in self._adapters.items():
            try:
                with naming(name):
                    await adapter.open()
            except BackendUnavailable as error:
                self.absent.append(BackendAbsent(backend=name, detail=error.detail))
                self._late[adapter] = LateOpening(adapter)
                self.registry.postpone(name, self._late[adapter].opened)

    async def close(self) -> None:
        """Release all."""
        for adapter in reversed(self._adapters.values()):
            await self._close(adapter)
        await self._close_ready()

    async def _close(self, adapter: OpenableBackend) -> None:
        if adapter in self._late:
            await self._late.pop(adapter).close()
        await adapter.close()

    async def reload(self) -> Reloaded:
        """Serve by the configuration as it is now.

        Raises StartFailure or BackendError, naming the place; then nothing has changed.
        """
        async with self._reloading:
            try:
                settings = self.reread()
                self.vetted(settings)
                adapters = await self._opened(settings)
            except PersistenceError as error:
                self._observer(ReloadRefused(error=error.code, detail=error.detail))
                raise
            return await self._turn_to(settings, adapters)

    @asynccontextmanager
    async def prepared(self, collection: str, backend: str) -> AsyncIterator[None]:
        """In the block, a reload finds that a collection is kept in another backend from now on, and has not to wait
        until that is open, and what drains into it runs.

        One at a time: a second one is not prepared. Raises StartFailure or BackendError, naming the place.
        """
        async with self._reloading:
            settings = self.reread().routed(collection, backend)
            is_first = not self._ready
            if is_first:
                adapters = await self._opened(settings)
                self._ready = {name: (settings.backends[name], adapter) for name, adapter in adapters.items()}
        if not is_first:
            yield
            return
        try:
            async with self.standing_by(settings):
                yield
        finally:
            async with self._reloading:
                await self._close_ready()

    async def _close_ready(self) -> None:
        """Close what was prepared and does not serve."""
        ready, self._ready = self._ready, {}
        await self._close_new({name: adapter for name, (_, adapter) in ready.items()})

    async def _opened(self, settings: Settings) -> dict[str, OpenableBackend]:
        """The adapters of a configuration: those that stay as they are, and new ones, open and healthy."""
        adapters: dict[str, OpenableBackend] = {}
        try:
            for name in used(settings, self._collections):
                if (open_already := self._kept(name, settings.backends[name])) is not None:
                    adapters[name] = open_already
                    continue
                adapters[name] = build_backend(settings, name, self._collections)
                with naming(name):
                    await adapters[name].open()
                    health = await adapters[name].health_check()
                    if not health.healthy:
                        raise BackendUnavailable(health.detail)
        except BaseException:
            await self._close_new(adapters)
            raise
        return adapters

    def _kept(self, name: str, configured: ConfiguredBackend) -> OpenableBackend | None:
        """The adapter that is open for just these settings."""
        if name in self._adapters and configured == self.settings.backends[name]:
            return self._adapters[name]
        settings, adapter = self._ready.get(name, (None, None))
        return adapter if settings == configured else None

    async def _close_new(self, adapters: Mapping[str, OpenableBackend]) -> None:
        """Close those that neither serve nor are ready to."""
        kept = [*self._adapters.values(), *(adapter for _, adapter in self._ready.values())]
        for adapter in adapters.values():
            if not any(adapter is other for other in kept):
                await adapter.close()

    async def _turn_to(self, settings: Settings, adapters: dict[str, OpenableBackend]) -> Reloaded:
        former = self._adapters
        idle = self.registry.replace(self._named(settings, adapters), self._routes(settings))
        self._adapters, self.settings = adapters, settings
        if self.turned is not None:
            await self.turned(settings)
        outcome = Reloaded(
            generation=self.registry.generation,
            routes=self._routes(settings),
            opened=tuple(name for name, adapter in adapters.items() if adapter is not former.get(name)),
            closed=tuple(name for name, adapter in former.items() if adapter is not adapters.get(name)),
            needs_restart=tuple(_differences(self._fixed, _fixed(settings))),
        )
        self._observer(
            ConfigurationReloaded(
                generation=outcome.generation,
                opened=outcome.opened,
                closed=outcome.closed,
                needs_restart=outcome.needs_restart,
            )
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await idle()
        for name in outcome.closed:
            await self._close(former[name])
        return outcome

    def _routes(self, settings: Settings) -> dict[str, str]:
        return {collection.name: settings.collection(collection.name).backend for collection in self._collections}

    @staticmethod
    def _named(settings: Settings, adapters: Mapping[str, OpenableBackend]) -> list[NamedBackend]:
        return [_named(settings, name, adapter) for name, adapter in adapters.items()]


def _named(settings: Settings, name: str, adapter: OpenableBackend) -> NamedBackend:
    chosen = settings.backends[name]
    place = place_of(chosen) if settings.shared_partitions else ""
    return NamedBackend(name, chosen.type_name, adapter, alone=chosen.type.alone, place=place)


@lru_cache(maxsize=64)
def place_of(chosen: ConfiguredBackend) -> str:
    """A name that all instances have for a place in which records are kept, and that betrays no password.

    Numbers, like those of connections, do not say where it is.
    """
    texts = {name: value for name, value in chosen.table(Secret.reveal).items() if isinstance(value, str)}
    content = msgspec.json.encode(texts, order="deterministic")
    return hashlib.scrypt(content, salt=b"persistence: place", n=2**14, r=8, p=1, dklen=16).hex()


def used(settings: Settings, collections: Sequence[Collection]) -> list[str]:
    """The names of the configured backends that a collection is kept in; the others are not opened."""
    routed = {settings.collection(collection.name).backend for collection in collections}
    return [name for name in settings.backends if name in routed]


def build_backend(settings: Settings, name: str, collections: Sequence[Collection]) -> OpenableBackend:
    """A configured backend, not yet open. Raises StartFailure."""
    chosen: ConfiguredBackend = settings.backends[name]
    context = BackendContext(name=name, data_folder=settings.data_folder, collections=tuple(collections))
    return chosen.type.build(chosen.settings, context)


async def is_laid_out(backend: OpenableBackend) -> bool:
    """Whether opening a backend makes nothing, since its tables are those of this release, or it has none."""
    return not isinstance(backend, Migrating) or all(step.applied for step in await backend.steps())


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Whatever a backend raises, with its name in the sentence."""
    try:
        yield
    except (StartFailure, BackendError) as error:
        raise type(error)(f"Backend {name}: {error.detail}") from error


def _fixed(settings: Settings) -> Tree:
    """What a running service cannot change: everything but backends, routes and keys."""
    tree = settings.shown()
    del tree["backends"], tree["keyring"]
    for collection in tree["collections"].values():
        del collection["backend"]
    return tree


def _differences(one: Tree, other: Tree, place: str = "") -> list[str]:
    found: list[str] = []
    for key in dict.fromkeys((*one, *other)):
        before, after = one.get(key), other.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{place}{key}.")
        elif before != after:
            found.append(f"{place}{key}")
    return found

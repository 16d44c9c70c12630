"""Which class stands behind each backend type of the configuration. A new type is a settings struct and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from adapters.memory.backend import MemoryBackend
from adapters.sqlite.backend import SqliteBackend
from domain.model.collections import Collection
from domain.services.registry import NamedBackend, StorageBackendRegistry
from entrypoints.settings import BACKEND_TYPES, BackendSettings, MemorySettings, Settings, SqliteSettings
from ports.ambient import Clock, Observer
from ports.resource import Resource
from ports.storage_backend import StorageBackend


class OpenableBackend(StorageBackend, Resource, Protocol):
    """A storage backend with a lifecycle."""


def _sqlite(settings: Settings, chosen: SqliteSettings, collections: Sequence[Collection]) -> OpenableBackend:
    return SqliteBackend(settings.in_data_folder(chosen.path), collections)


def _memory(_: Settings, __: MemorySettings, ___: Sequence[Collection]) -> OpenableBackend:
    return MemoryBackend()


Builder = Callable[[Settings, Any, Sequence[Collection]], OpenableBackend]  # Any: the type's own settings struct
BUILDERS: dict[type[BackendSettings], Builder] = {SqliteSettings: _sqlite, MemorySettings: _memory}


def build_backends(settings: Settings, collections: Sequence[Collection]) -> dict[str, OpenableBackend]:
    """The configured backends by name, not yet open; those that no collection is kept in are left out."""
    used = {settings.collection(collection.name).backend for collection in collections}
    return {
        name: BUILDERS[type(chosen)](
            settings, chosen, [c for c in collections if settings.collection(c.name).backend == name]
        )
        for name, chosen in settings.backends.items()
        if name in used
    }


def build_registry(
    settings: Settings,
    backends: Mapping[str, StorageBackend],
    collections: Sequence[Collection],
    observer: Observer,
    clock: Clock,
) -> StorageBackendRegistry:
    """The registry over the configured backends and routes. Raises UnknownBackend."""
    types = {kind: name for name, kind in BACKEND_TYPES.items()}
    named = [NamedBackend(name, types[type(settings.backends[name])], adapter) for name, adapter in backends.items()]
    routes = {collection.name: settings.collection(collection.name).backend for collection in collections}
    return StorageBackendRegistry(named, routes, collections, observer, clock)

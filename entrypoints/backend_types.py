"""The backend types by name: the built-in ones, and those that installed packages bring.

A package registers a ``BackendType`` under the entry-point group ``persistence.backends``. Packages are looked at only
when the configuration names a type that is not built in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from adapters.memory.backend_type import MEMORY
from adapters.mysql.backend_type import MYSQL
from adapters.opensearch.backend_type import OPENSEARCH
from adapters.postgres.backend_type import POSTGRES
from adapters.redis.backend_type import REDIS
from adapters.sqlite.backend_type import SQLITE
from domain.errors import PersistenceError, UnknownBackend
from ports.backend_type import BackendContext, BackendSettings, BackendType, OpenableBackend
from ports.resource import Resource
from ports.storage_backend import StorageBackend

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "persistence.backends"

AnyType = BackendType[Any]  # Any: each type has a settings struct of its own
Build = Callable[[Any, BackendContext], OpenableBackend]

BUILT_IN_TYPES: Mapping[str, AnyType] = {
    "sqlite": SQLITE,
    "memory": MEMORY,
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "postgres": POSTGRES,
    "redis": REDIS,
    "opensearch": OPENSEARCH,
}


def backend_type(name: str, place: str) -> AnyType:
    """The type of that name, which ``place`` in the configuration asks for.

    Raises UnknownBackend where there is none, or where the package that brings it is broken.
    """
    return BUILT_IN_TYPES.get(name) or _installed_type(name, place)


def _installed_type(name: str, place: str) -> AnyType:
    found = _entry_points(place)
    for entry in found:
        if entry.name in BUILT_IN_TYPES:
            raise UnknownBackend(f"{place}: {_package(entry)} brings a type {entry.name!r}, which is built in already.")
    named = [entry for entry in found if entry.name == name]
    if not named:
        known = ", ".join([*BUILT_IN_TYPES, *sorted({entry.name for entry in found})])
        raise UnknownBackend(f"{place}: {name[:80]!r} is not installed here (there are: {known}).")
    if len(named) > 1:
        several = " and ".join(sorted(map(_package, named)))
        raise UnknownBackend(f"{place}: {several} both bring a type {name!r}; only one of them may be installed.")
    return _load(named[0], place)


def _entry_points(place: str) -> Sequence[EntryPoint]:
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    try:
        return tuple(entry_points(group=GROUP))
    except Exception as error:  # whatever an unreadable package makes of it
        fault = f"the entry points of the installed packages cannot be read: {_one_line(error)}"
        raise UnknownBackend(f"{place}: {fault}.") from error


def _load(entry: EntryPoint, place: str) -> AnyType:
    try:
        loaded = entry.load()
        fault = _fault(loaded)
    except Exception as error:  # whatever a foreign module raises
        fault = f"it cannot be loaded: {_one_line(error)}"
        raise UnknownBackend(f"{place}: {_package(entry)} brings {entry.name!r}, but {fault}.") from error
    if fault:
        raise UnknownBackend(f"{place}: {_package(entry)} brings {entry.name!r}, but {fault}.")
    return msgspec.structs.replace(loaded, build=_guarded(loaded.build, _package(entry)))


def _fault(loaded: object) -> str:
    """What is wrong with the shape of a loaded entry point; empty where nothing is."""
    if not isinstance(loaded, BackendType):
        return f"its entry point is a {type(loaded).__name__}, not a BackendType"
    if not (isinstance(loaded.settings, type) and issubclass(loaded.settings, BackendSettings)):
        return "its settings are not a struct derived from BackendSettings"
    if "type" in loaded.settings.__struct_fields__:
        return "its settings have a field `type`, which is the key that names the type"
    msgspec.inspect.type_info(loaded.settings)  # raises where a field's annotation means nothing to msgspec
    return "" if callable(loaded.build) else "its constructor cannot be called"


def _guarded(build: Build, package: str) -> Build:
    """A foreign constructor whose failure is one sentence that names the package."""

    def guarded(settings: BackendSettings, context: BackendContext) -> OpenableBackend:
        place = f"backends.{context.name}"
        try:
            backend = build(settings, context)
        except PersistenceError:
            raise
        except Exception as error:  # whatever a foreign constructor raises
            raise UnknownBackend(f"{place}: {package} cannot build it: {_one_line(error)}.") from error
        missing = [name for name in _METHODS if not callable(getattr(backend, name, None))]
        if missing:
            raise UnknownBackend(f"{place}: what {package} builds is no backend; it lacks {', '.join(missing)}.")
        return backend

    return guarded


_METHODS = [name for port in (StorageBackend, Resource) for name in vars(port) if not name.startswith("_")]


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist else f"the module {entry.module}"


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(".: ")

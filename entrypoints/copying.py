"""A copy of collections between two configured backends: opened, remembered, verified."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from domain.errors import AbilityMissing, InvalidConfiguration
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.services.copying import Digest, copy, digest
from domain.services.mirroring import DumpingBackend, Mirror
from entrypoints.backends import build_backend, naming
from entrypoints.settings import Settings
from ports.abilities import Dumping
from ports.backend_type import OpenableBackend
from ports.probing import Probing

Report = Callable[[int], None]  # is told how many records are done


class Place(msgspec.Struct, frozen=True):
    """How far a copy has come."""

    after: str | None = None  # the last key that is in the target
    records: int = 0


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides hold after a copy."""

    source: Digest
    target: Digest

    @property
    def equal(self) -> bool:
        """Whether they hold the same."""
        return self.source == self.target


class CopyJob:
    """Copies one collection. Broken off, it goes on where it was; its place is kept in the data folder."""

    def __init__(self, pair: Pair, collection: Collection, folder: Path) -> None:
        self._pair = pair
        self._collection = collection
        self._file = folder / f"{pair.source_name}-{pair.target_name}-{collection.name}.json"

    @property
    def place(self) -> Place:
        """Where it was broken off; the beginning where it never was, or the note of it is no good."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._file.read_bytes(), type=Place)
        return Place()

    async def copy(self, report: Report) -> None:
        """Copy what is behind the place. Raises BackendError, RecordRefused."""
        place = self.place

        def copied(last: str, count: int) -> None:
            nonlocal place
            place = Place(last, place.records + count)
            self._keep(place)
            report(place.records)

        with naming(self._pair.target_name):
            await copy(self._pair.source, self._pair.target, self._collection, after=place.after, copied=copied)

    def mirror(self) -> Mirror:
        """Both sides, to be compared record by record. Raises AbilityMissing."""
        return Mirror(self._pair.source, self._pair.readable_target, self._collection)

    async def verify(self, report: Report) -> Verified:
        """Read both sides whole."""
        source = await digest(self._pair.source, self._collection, report)
        target = await digest(self._pair.readable_target, self._collection, lambda n: report(source.records + n))
        self.forget()
        return Verified(source=source, target=target)

    def forget(self) -> None:
        """The copy is done: the next one begins anew."""
        self._file.unlink(missing_ok=True)

    def _keep(self, place: Place) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(place))
        new.replace(self._file)


class Pair:
    """An open source and an open target."""

    def __init__(self, source_name: str, target_name: str, source: Dumping, target: OpenableBackend) -> None:
        self.source_name = source_name
        self.target_name = target_name
        self.source = source
        self.target = target

    @property
    def readable_target(self) -> DumpingBackend:
        """The target as one that can be read whole. Raises AbilityMissing."""
        return _dumping(self.target_name, self.target)


@asynccontextmanager
async def open_pair(settings: Settings, source: str, target: str) -> AsyncIterator[Pair]:
    """Open two configured backends, beside the service that may run on them.

    Raises InvalidConfiguration where one is not configured or lives in a process alone, StartFailure, BackendError.
    """
    backends = [_built(settings, name) for name in (source, target)]
    async with contextlib.AsyncExitStack() as stack:
        with naming(source):
            await _check_there(source, backends[0])
        for name, backend in zip((source, target), backends, strict=True):
            stack.push_async_callback(backend.close)
            with naming(name):
                await backend.open()
        yield Pair(source, target, _dumping(source, backends[0]), backends[1])


def _built(settings: Settings, name: str) -> OpenableBackend:
    if name not in settings.backends:
        known = ", ".join(settings.backends)
        raise InvalidConfiguration(f"There is no [backends.{name[:80]}]; configured are: {known}.")
    if settings.backends[name].type_name == "memory":
        raise InvalidConfiguration(f"Backend {name} keeps its records in the memory of the service alone.")
    return build_backend(settings, name, BUILT_IN)


async def _check_there(name: str, backend: OpenableBackend) -> None:
    """Raises InvalidConfiguration for a source that would be made, and be empty: its path has a slip."""
    if isinstance(backend, Probing) and (outlook := await backend.probe()).is_new:
        raise InvalidConfiguration(f"There is nothing in {name} to copy: {outlook.detail}. Correct its configuration.")


def _dumping(name: str, backend: OpenableBackend) -> DumpingBackend:
    if not isinstance(backend, Dumping):
        raise AbilityMissing(f"Backend {name} lacks the ability Dumping: it cannot be copied from, nor verified.")
    return backend

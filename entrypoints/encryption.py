"""The keyring while the service runs: read at the start, and anew with each reload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import (
    BackendError,
    DecryptionFailed,
    InvalidConfiguration,
    QueryTimeout,
    missing_driver,
)
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.services.ending import ended
from domain.services.rewrapping import Rewrapping, blinds_alike
from domain.services.sealing import Sealing
from entrypoints.backends import build_backend, is_laid_out
from entrypoints.settings import Settings
from ports.ambient import Observer
from ports.storage_backend import StorageBackend

if TYPE_CHECKING:
    from adapters.keyring.aes import AesKeyring
    from adapters.keyring.keys import Keys


_LOOK_SECONDS = 2.0  # at a backend that may be away: a start does not wait for it


class Encryption:
    """Owns the keys, and what encrypts by them."""

    def __init__(self, settings: Settings, observer: Observer) -> None:
        self.sealing = Sealing(settings.encrypted, observer=observer)
        self.rewrapping: Rewrapping | None = None  # while it runs
        self._settings = settings
        self._keyring: AesKeyring | None = None
        self._ready: Keys | None = None
        self._serving: Keys | None = None

    async def open(self) -> None:
        """Read the keys. Raises StartFailure."""
        self.prepare(self._settings)
        self.turn()

    async def close(self) -> None:
        """Nothing is held open."""

    def prepare(self, settings: Settings) -> None:
        """Read the keys of a configuration that shall serve. Raises StartFailure; nothing has changed then."""
        ready = read_keys(settings)
        before = self._keyring.ids if self._keyring else ()
        for gone in sorted({*before} - {*(ready.keys if ready else ())}):
            self._check_unused(gone)
        if self._serving is not None and ready is not None:
            _check_same(self._serving, ready)
        self._ready = ready

    def _check_unused(self, gone: str) -> None:
        """Keep a key that values are known to be under. Raises InvalidConfiguration."""
        if self.rewrapping is None:
            return
        if not self.rewrapping.is_finished:
            raise InvalidConfiguration(
                f"keyring: the key {gone!r} is gone, and not all records were looked at yet for values under it; give "
                "it back until `persistence keyring list` says so."
            )
        found = self.rewrapping.values_under(gone)
        if used := ", ".join(f"{number} in {name}" for name, number in found.items() if number):
            raise InvalidConfiguration(
                f"keyring: the key {gone!r} is gone, and values are encrypted under it ({used}); give it back, and "
                "take it away when `persistence keyring list` says that nothing needs it."
            )

    def turn(self) -> None:
        """Encrypt and decrypt by the keys that are ready."""
        if self._ready is None or self._ready == self._serving:
            return
        if self._keyring is None:
            from adapters.keyring.aes import AesKeyring

            self._keyring = self.sealing.keyring = AesKeyring(self._ready)
        self._serving = self._ready
        self._keyring.turn_to(self._serving)
        if self.rewrapping is not None:
            self.rewrapping.again()

    async def _check_index(self, backend_of: Callable[[Collection], StorageBackend]) -> None:
        for collection in BUILT_IN:
            with suppress(BackendError, QueryTimeout, DecryptionFailed, TimeoutError):  # then nothing can be told
                async with asyncio.timeout(_LOOK_SECONDS):
                    await _check_blinds(self.sealing, backend_of(collection), collection)

    @asynccontextmanager
    async def running(
        self, rewrapping: Rewrapping, backend_of: Callable[[Collection], StorageBackend]
    ) -> AsyncIterator[None]:
        """Encrypt anew in the background what is under other keys, or under none. Raises InvalidConfiguration."""
        await self._check_index(backend_of)
        self.rewrapping = rewrapping
        task = asyncio.create_task(rewrapping.run(), name="rewrapping")
        try:
            yield
        finally:
            await ended(task)


async def look(settings: Settings, keys: Keys) -> None:
    """See whether these keys fit what is stored, as far as one value of each field tells; nothing is changed by it.

    Raises StartFailure, DecryptionFailed, QueryTimeout, BackendError.
    """
    from adapters.keyring.aes import AesKeyring

    sealing = Sealing(settings.encrypted, AesKeyring(keys))
    for collection in filter(sealing.encrypts, BUILT_IN):
        backend = build_backend(settings, settings.collection(collection.name).backend, BUILT_IN)
        if not await is_laid_out(backend):
            continue  # nothing is stored there yet
        await backend.open()
        try:
            await _check_blinds(sealing, backend, collection)
        finally:
            await backend.close()


async def _check_blinds(sealing: Sealing, backend: StorageBackend, collection: Collection) -> None:
    """With another index key equal values are not found, and addresses are taken twice."""
    if not await blinds_alike(sealing, backend, collection):
        raise InvalidConfiguration(
            f"keyring.index_key: {collection.name} were encrypted with another one; give that back, since equal values "
            "are found by it."
        )


def _check_same(before: Keys, now: Keys) -> None:
    """What has a name keeps its key: what is encrypted says under which name. Raises InvalidConfiguration."""
    if now.index != before.index:
        raise InvalidConfiguration(
            "keyring.index_key: it is another one than before; give that back, since equal values are found by it."
        )
    for key_id in sorted(before.keys.keys() & now.keys.keys()):
        if now.keys[key_id] != before.keys[key_id]:
            raise InvalidConfiguration(
                f"keyring: {key_id!r} is another key than before; give that back, and the other one an id of its own."
            )


def read_keys(settings: Settings) -> Keys | None:
    """The keys that are configured; None where there are none. Raises StartFailure."""
    chosen = settings.keyring
    if not chosen.is_there:
        return None
    try:
        import adapters.keyring.aes  # noqa: F401 -- its driver may be missing
        from adapters.keyring import key_file
        from adapters.keyring.keys import keys_of
    except ModuleNotFoundError as error:
        raise missing_driver("keyring", error, "encryption") from error
    if chosen.file:
        return key_file.read_keys(Path(chosen.file).expanduser())
    texts = {key_id: key.reveal() for key_id, key in chosen.keys.items()}
    return keys_of(texts, chosen.active, chosen.index_key.reveal() if chosen.index_key else "")

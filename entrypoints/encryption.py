"""The keyring while the service runs: read at the start, and anew with each reload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import StartFailure
from domain.services.sealing import Sealing
from entrypoints.settings import Settings
from ports.ambient import Observer

if TYPE_CHECKING:
    from adapters.keyring.aes import AesKeyring
    from adapters.keyring.keys import Keys


class Encryption:
    """Owns the keys, and what encrypts by them."""

    def __init__(self, settings: Settings, observer: Observer) -> None:
        self.sealing = Sealing(settings.encrypted, observer=observer)
        self._settings = settings
        self._keyring: AesKeyring | None = None
        self._ready: Keys | None = None

    async def open(self) -> None:
        """Read the keys. Raises StartFailure."""
        self.prepare(self._settings)
        self.turn()

    async def close(self) -> None:
        """Nothing is held open."""

    def prepare(self, settings: Settings) -> None:
        """Read the keys of a configuration that shall serve. Raises StartFailure; nothing has changed then."""
        self._ready = read_keys(settings)

    def turn(self) -> None:
        """Encrypt and decrypt by the keys that are ready."""
        if self._ready is None:
            return
        if self._keyring is None:
            from adapters.keyring.aes import AesKeyring

            self._keyring = self.sealing.keyring = AesKeyring(self._ready)
        self._keyring.turn_to(self._ready)


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
        raise StartFailure(
            f"keyring: the library {error.name} is missing. "
            "Run: make install DRIVERS=yes (or: pip install 'persistence-service[encryption]')"
        ) from error
    if chosen.file:
        return key_file.read_keys(Path(chosen.file).expanduser())
    texts = {key_id: key.reveal() for key_id, key in chosen.keys.items()}
    return keys_of(texts, chosen.active, chosen.index_key.reveal() if chosen.index_key else "")

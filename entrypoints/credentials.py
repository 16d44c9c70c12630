"""What `[auth]` says: which credentials are taken, and where they are looked up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from domain.errors import BackendUnavailable, missing_driver
from domain.model.built_in import STORED
from domain.model.observations import BackendAbsent
from domain.model.records import HealthStatus
from domain.services.access import Access
from domain.services.api_keys import ApiKeys, KeyStore
from domain.services.ending import ended
from domain.services.key_authenticator import KeyAuthenticator
from entrypoints.backends import build_backend, naming
from entrypoints.http.origins import Origins
from entrypoints.settings import Settings
from ports.ambient import Clock, Ids, Observer
from ports.authenticator import Authenticator
from ports.backend_type import OpenableBackend

if TYPE_CHECKING:  # its library is not installed everywhere
    from adapters.jwt.authenticator import JwtAuthenticator

_SESSIONS = {"pool_min": 1, "pool_max": 12, "pool_overflow": 0}  # single rows by key, and few at once


def build_keys_backend(settings: Settings, name: str) -> OpenableBackend:
    """The backend ``name``, for keys alone: with few connections, where its type has a number of them."""
    chosen = settings.backends[name]
    few = {key: min(most, getattr(chosen.settings, key, 0)) for key, most in _SESSIONS.items()}
    known = {key: number for key, number in few.items() if key in chosen.settings.__struct_fields__}
    lean = msgspec.structs.replace(chosen, settings=msgspec.structs.replace(chosen.settings, **known))
    return build_backend(msgspec.structs.replace(settings, backends=settings.backends | {name: lean}), name, STORED)


class Credentials:
    """Who is let in, and the store of the keys.

    The store has connections of its own, so that no flush holds a look-up back; where nobody has to authenticate, it is
    opened when somebody makes a key.
    """

    def __init__(self, settings: Settings, observer: Observer, ids: Ids, clock: Clock) -> None:
        self._settings = settings
        self._name = settings.keys_backend
        self._observer = observer
        self._store = KeyStore(lambda: build_keys_backend(self._settings, self._name))
        self._authenticator = KeyAuthenticator(self._store, observer, clock)
        self._noting: asyncio.Task[None] | None = None
        self.keys = ApiKeys(self._store, ids, clock, self._authenticator.forget)
        self._tokens = build_tokens(settings, observer, clock)
        taken: list[Authenticator] = [] if settings.auth.mode == "off" else [self._authenticator]
        self.access = Access(taken if self._tokens is None else [*taken, self._tokens])
        self.origins = Origins(any_host=settings.server.insecure) if self.access.is_open else None

    async def open(self) -> None:
        """Connect where keys are asked for; a server that does not answer is found later. Raises StartFailure."""
        if self.access.is_open:
            return
        if self._tokens is not None:
            await self._tokens.open()
        try:
            with naming(self._name):
                await self._store.open()
        except BackendUnavailable as error:
            self._observer(BackendAbsent(backend=self._name, detail=error.detail))
        self._noting = asyncio.create_task(self._authenticator.note_uses(self.keys), name="uses of keys")

    async def health(self) -> HealthStatus | None:
        """How the store of the keys is; None where nobody is asked for one."""
        return None if self.access.is_open else await self._store.health_check()

    async def turn(self, settings: Settings) -> None:
        """Reach the backend by settings that changed while it serves; another one is taken by a restart alone."""
        before, now = self._settings.backends.get(self._name), settings.backends.get(self._name)
        if now is not None and now != before:
            self._settings = settings
            await self._store.renew()

    async def close(self) -> None:
        """Release the store."""
        if self._noting is not None:
            await ended(self._noting)
        if self._tokens is not None:
            await self._tokens.close()
        await self._authenticator.close()
        await self._store.close()


def build_tokens(settings: Settings, observer: Observer, clock: Clock) -> JwtAuthenticator | None:
    """What judges tokens; None where none are taken. Raises StartFailure."""
    if not settings.auth.issuers:
        return None
    try:
        from adapters.jwt.authenticator import JwtAuthenticator
    except ModuleNotFoundError as error:
        raise missing_driver("auth.issuers", error, "tokens") from error
    return JwtAuthenticator(settings.auth.issuers, observer, clock)

"""Who would be let in, for ``persistence check``."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from adapters.system.clock import SystemClock
from domain.errors import BackendUnavailable, StartFailure
from domain.model.api_keys import ApiKey
from domain.model.observations import IssuerLost, Observation
from domain.services.api_keys import UNFIT, KeyStore
from entrypoints.backends import is_laid_out
from entrypoints.credentials import build_keys_backend, build_tokens
from entrypoints.setting_rules import is_loopback
from entrypoints.settings import Settings
from ports.abilities import ConditionalWrites
from ports.probing import Outlook

_FIRST = "no key is made yet; `persistence keys create NAME --scope SCOPE` makes one"


def look(settings: Settings) -> Outlook:
    """What `[auth]` comes to; nothing is changed by looking. Raises StartFailure, BackendError."""
    reached = not is_loopback(settings.server.host)
    if settings.auth.mode == "off":
        said = "nobody has to authenticate"
        return Outlook(f"{said}, and others reach the address", warning=True) if reached else Outlook(said)
    if settings.keys_are_in_memory:
        return Outlook(_without_first(settings), warning=True)
    try:
        keys = asyncio.run(_keys(settings))
    except BackendUnavailable as error:
        return Outlook(f"keys, whose backend {settings.keys_backend} does not answer: {error.detail}", warning=True)
    now = datetime.now(UTC)
    active = sum(key.state(now) == "active" for key in keys)
    bare = reached and not settings.server.tls_certificate
    open_air = "; they travel unencrypted, unless TLS ends in front of the service" if bare else ""
    found = f"keys, in the backend {settings.keys_backend}: {active:,} of {len(keys):,} active" if keys else _FIRST
    return Outlook(found + open_air, warning=bare or not active)


def _without_first(settings: Settings) -> str:
    """Who asks for keys must have one to begin with, and what is in memory begins with none."""
    others = ", but by who has a token" if settings.auth.issuers else ""
    kept = f"in the backend {settings.keys_backend}, which is in memory"
    return f"the first key cannot be made {kept}{others}; name another `auth.backend`"


def look_at_issuers(settings: Settings) -> Outlook:
    """Whether the keys of those whose tokens are taken can be read. Raises StartFailure."""
    lost: list[str] = []

    def note(observation: Observation) -> None:
        if isinstance(observation, IssuerLost):
            lost.append(f"{observation.issuer}: {observation.detail}")

    async def opened() -> None:
        if tokens := build_tokens(settings, note, SystemClock()):
            try:
                await tokens.open()
            finally:
                await tokens.close()

    asyncio.run(opened())
    if lost:
        return Outlook(f"{'; '.join(lost)}. Until they are read, tokens are answered with 503", warning=True)
    return Outlook(f"tokens of {', '.join(settings.auth.issuers)}")


async def _keys(settings: Settings) -> list[ApiKey]:
    """Those that are there; none where their table is not, which an opening might make. Raises StartFailure."""
    backend = build_keys_backend(settings, settings.keys_backend)
    if not isinstance(backend, ConditionalWrites):
        raise StartFailure(f"Backend {settings.keys_backend}: {UNFIT}")
    if not await is_laid_out(backend):
        return []
    store = KeyStore(lambda: backend)
    try:
        return await store.all()
    finally:
        await store.close()

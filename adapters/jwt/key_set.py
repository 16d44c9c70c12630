"""The public keys of an issuer, read again when it may have others."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from http.client import HTTPException
from math import inf
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from jwt import PyJWK, PyJWKSet
from jwt.algorithms import AllowedPublicKeys
from jwt.exceptions import PyJWTError

from adapters.jwt.settings import IssuerSettings
from adapters.threads import in_thread
from adapters.trust import trusting
from domain.errors import InvalidConfiguration, KeysUnreachable, Unauthenticated
from domain.model.observations import IssuerLost, IssuerRegained
from ports.ambient import Clock, Observer

FRESH_SECONDS = {"url": 600.0, "file": 5.0}
REST_SECONDS = 10.0  # between two readings, however many unknown keys are named
FETCH_SECONDS = 5.0
MAX_BYTES = 1024 * 1024

PublicKey = PyJWK | AllowedPublicKeys


class KeySet:
    """The keys by their ids.

    Those that were read once hold until others are: an issuer that is away locks nobody out.
    """

    def __init__(self, name: str, settings: IssuerSettings, observer: Observer, clock: Clock) -> None:
        self._name = name
        self._settings = settings
        self._observer = observer
        self._clock = clock
        self._keys: Mapping[str | None, PublicKey] = {}
        self._read_at = self._tried_at = -inf
        self._is_lost = False
        self._tls: ssl.SSLContext | None = None  # known when it is opened
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the keys. Raises InvalidConfiguration for a file that is of no use; a server may come later."""
        if self._settings.jwks_url:
            self._tls = trusting(self._settings.ca_file, f"auth.issuers.{self._name}.ca_file")
        try:
            await self._read()
        except _NoKeys as error:
            if self._settings.jwks_file:
                raise InvalidConfiguration(f"auth.issuers.{self._name}.jwks_file: {error}.") from error
            self._lose(error)

    async def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def key(self, key_id: str | None) -> PublicKey:
        """The key of this id; without one, the only one. Raises Unauthenticated, KeysUnreachable."""
        found, now = self._found(key_id), self._clock.monotonic()
        age, fresh = now - self._read_at, FRESH_SECONDS["url" if self._settings.jwks_url else "file"]
        if (found is None or age > fresh) and now - self._tried_at > REST_SECONDS:
            self._begin()
        is_stale = age > 2 * fresh and not self._is_lost  # nobody has asked for long: its issuer may have withdrawn it
        if (found is None or is_stale) and self._reading is not None:
            await asyncio.wait([self._reading])  # one reading for all who wait
            found = self._found(key_id)
        if found is not None:
            return found
        if not self._keys:
            raise KeysUnreachable(f"The keys of the issuer {self._name!r} could not be read yet.", retry_after=1.0)
        raise Unauthenticated

    def _found(self, key_id: str | None) -> PublicKey | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _begin(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_again(), name=f"keys of issuer {self._name}")

    async def _read_again(self) -> None:
        try:
            await self._read()
        except _NoKeys as error:
            self._lose(error)

    def _lose(self, error: _NoKeys) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._observer(IssuerLost(issuer=self._name, detail=str(error)))

    async def _read(self) -> None:
        self._tried_at = self._clock.monotonic()
        try:
            text = await in_thread(self._text)
            said = json.loads(text)
            found = PyJWKSet.from_dict(said).keys
            bound = {each.get("kid") for each in said["keys"] if each.get("alg")}
        except (OSError, HTTPException, URLError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise _NoKeys(f"{self._place} cannot be read: {reason}") from error
        except (ValueError, RecursionError, AttributeError, TypeError, PyJWTError) as error:
            raise _NoKeys(f"{self._place} is no set of keys (JWKS)") from error
        fitting = (key for key in found if key.key_type == self._settings.key_type and _signs(key))
        wanted = {key.key_id: key if key.key_id in bound else _unbound(key) for key in fitting}
        if not wanted:
            raise _NoKeys(f"{self._place} holds no key of the type {self._settings.key_type}")
        self._keys, self._read_at = wanted, self._tried_at
        if self._is_lost:
            self._is_lost = False
            self._observer(IssuerRegained(issuer=self._name))

    @property
    def _place(self) -> str:
        return self._settings.jwks_url or self._settings.jwks_file

    def _text(self) -> bytes:
        if self._settings.jwks_file:
            with Path(self._settings.jwks_file).expanduser().open("rb") as file:
                return file.read(MAX_BYTES)
        opener = build_opener(HTTPSHandler(context=self._tls), _NoRedirect())
        request = Request(self._settings.jwks_url, headers={"Accept": "application/json"})  # noqa: S310  # checked
        try:
            with opener.open(request, timeout=FETCH_SECONDS) as answer:
                return bytes(answer.read(MAX_BYTES))
        except HTTPError as error:
            error.close()
            raise


class _NoKeys(Exception):
    """Nothing to judge tokens by; the text says why, without a dot."""


class _NoRedirect(HTTPRedirectHandler):
    """Keys come from where the configuration says, or not at all."""

    def redirect_request(self, *_: object) -> None:
        return None


def _unbound(key: PyJWK) -> PublicKey:
    """A key that its set binds to no algorithm: of RSA, any of the family, where the library takes it for RS256."""
    return key.key if key.key_type == "RSA" else key


def _signs(key: PyJWK) -> bool:
    return key.public_key_use in (None, "sig")

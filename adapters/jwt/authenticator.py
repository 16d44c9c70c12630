"""Tells who shows a token of an identity provider, and what it lets them do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from adapters.jwt.key_set import KeySet, PublicKey
from adapters.jwt.settings import IssuerSettings
from domain.errors import Unauthenticated
from domain.model.access import Principal, PrincipalKind
from ports.ambient import Clock, Observer
from ports.authenticator import Toll, no_toll

LEEWAY_SECONDS = 30.0  # between two clocks
MAX_CHARS = 8 * 1024
MAX_SUBJECT_CHARS = 255
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
_UNWANTED = ("jku", "jwk", "x5u", "x5c", "crit", "b64")  # a token does not say by which key it is judged
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class Issuer:
    """One provider's tokens."""

    def __init__(self, name: str, settings: IssuerSettings, observer: Observer, clock: Clock) -> None:
        self.name = name
        self.settings = settings
        self.keys = None if settings.secret else KeySet(name, settings, observer, clock)

    async def claims(self, token: str, head: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a token says, once it is proved. Raises Unauthenticated, KeysUnreachable."""
        settings = self.settings
        if head.get("alg") not in settings.algorithms:
            raise Unauthenticated
        if settings.token_type and not _is_of_type(head.get("typ"), settings.token_type):
            raise Unauthenticated
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                await self._key(head.get("kid")),
                algorithms=list(settings.algorithms),
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED, "enforce_minimum_key_length": True},
            )
            if not 0 < int(claims["exp"]) - int(claims["iat"]) <= settings.max_seconds:
                raise Unauthenticated
        except (PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise Unauthenticated from error
        return claims

    async def _key(self, key_id: object) -> PublicKey | bytes:
        if self.settings.secret is not None:
            return self.settings.secret.reveal().encode()
        assert self.keys is not None  # noqa: S101  # there is either a secret or a set of keys
        return await self.keys.key(key_id if isinstance(key_id, str) else None)


class JwtAuthenticator:
    """Tokens of the issuers that the configuration names (RFC 7519, 8725, 9068)."""

    def __init__(self, issuers: Mapping[str, IssuerSettings], observer: Observer, clock: Clock) -> None:
        self._issuers = {each.issuer: Issuer(name, each, observer, clock) for name, each in issuers.items()}

    async def open(self) -> None:
        """Read the issuers' keys. Raises InvalidConfiguration."""
        await asyncio.gather(*(each.keys.open() for each in self._issuers.values() if each.keys))

    async def close(self) -> None:
        """Read no more."""
        await asyncio.gather(*(each.keys.close() for each in self._issuers.values() if each.keys))

    def knows(self, credential: str) -> bool:
        """As the port says."""
        return len(credential) <= MAX_CHARS and _TOKEN.fullmatch(credential) is not None

    async def principal(self, credential: str, toll: Toll = no_toll) -> Principal:  # noqa: ARG002  # none is looked up
        """As the port says. Raises KeysUnreachable where the issuer's keys have never been read."""
        try:
            head = jwt.get_unverified_header(credential)
            named = jwt.decode(credential, options={"verify_signature": False}).get("iss")
        except (PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated from error
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None or any(name in head for name in _UNWANTED):
            raise Unauthenticated
        claims = await issuer.claims(credential, head)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS or not subject.isprintable():
            raise Unauthenticated
        scopes = frozenset(_scopes(claims.get(issuer.settings.scope_claim), issuer.settings.scope_prefix))
        return Principal(kind=PrincipalKind.TOKEN, id=f"{issuer.name}/{subject}", scopes=scopes)


def _is_of_type(said: object, wanted: str) -> bool:
    """By RFC 7515, section 4.1.9: case and a leading ``application/`` do not matter."""
    return isinstance(said, str) and said.lower().removeprefix("application/") == wanted.lower()


def _scopes(claim: object, prefix: str) -> Iterable[str]:
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return (word.removeprefix(prefix) for word in words if isinstance(word, str) and word.startswith(prefix))

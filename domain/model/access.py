"""Who asks, and what they may: a right, everywhere or in one collection."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from domain.errors import InvalidParameter

_WORDS = re.compile(r"[a-z_: ]{0,80}")  # what may be repeated: a key, put there by mistake, may not


class Right(StrEnum):
    """What a scope gives; none of them contains another."""

    READ = "read"  # records as they are shown
    WRITE = "write"  # records, and what became of them
    PII = "pii"  # the fields that are declared sensitive, beside `read`
    ADMIN = "admin"  # the service itself; who has it can make keys that may everything


class PrincipalKind(StrEnum):
    """How a caller has shown who they are."""

    ANONYMOUS = "anonymous"  # not at all
    KEY = "key"  # by an API key
    TOKEN = "token"  # noqa: S105  # by a token of an identity provider


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A caller: what idempotency keys, shares of the buffer and the log go by."""

    kind: PrincipalKind
    id: str = ""  # unique within its kind; empty for the anonymous
    scopes: frozenset[str] = frozenset()  # ``right``, or ``right:collection``

    @property
    def name(self) -> str | None:
        """One text for all kinds; None for the anonymous, who are told apart by their addresses."""
        return None if self.kind is PrincipalKind.ANONYMOUS else f"{self.kind}:{self.id}"

    def may(self, right: Right, collection: str | None = None) -> bool:
        """Whether a scope gives the right for a collection; without one: for every collection."""
        return right in self.scopes or (collection is not None and scope_of(right, collection) in self.scopes)

    def may_some(self, right: Right) -> bool:
        """Whether a scope gives the right for any collection."""
        return any(scope.partition(":")[0] == right for scope in self.scopes)


NOBODY = Principal(kind=PrincipalKind.ANONYMOUS)
"""Who has shown nothing."""

ANYBODY = Principal(kind=PrincipalKind.ANONYMOUS, scopes=frozenset(Right))
"""Every caller where nobody has to authenticate: may everything."""


def scope_of(right: Right, collection: str | None = None) -> str:
    """A scope as it is written."""
    return f"{right}:{collection}" if collection else f"{right}"


def checked_scopes(texts: Iterable[str], collections: Iterable[str]) -> frozenset[str]:
    """Scopes that mean something. Raises InvalidParameter, naming the one that does not."""
    names = tuple(collections)
    known = {scope_of(right, name) for right in Right for name in ("", *names)}
    scopes = frozenset(texts)
    for scope in sorted(scopes - known):
        named = repr(scope[:80]) if _WORDS.fullmatch(scope) else "One of the texts"
        raise InvalidParameter(
            f"{named} is no scope; one is a right ({', '.join(Right)}) or, like `read:translation_tasks`, a "
            f"right and a collection ({', '.join(names)})."
        )
    return scopes

"""API keys: ``ps_<id>.<secret>``, shown once; what is stored is a digest of the secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime

import msgspec

from domain.model.access import Principal, PrincipalKind
from domain.model.collections import MAX_LONG, Collection, Field, FieldType
from domain.model.records import EPOCH, MICROSECOND, Record
from domain.model.translation import TIMES

ID_BYTES, SECRET_BYTES = 10, 32
MAX_NAME = 200  # characters
MAX_ACTOR = 200
_TEXT = re.compile(r"ps_([a-z2-7]{16})\.([A-Za-z0-9_-]{43})", re.ASCII)


def _moment(name: str) -> Field:
    return Field(name=name, type=FieldType.LONG, nullable=True, minimum=0, maximum=MAX_LONG)


def _digest(name: str, *, nullable: bool = False) -> Field:
    return Field(name=name, type=FieldType.TEXT, nullable=nullable, required=not nullable, max_chars=64)


API_KEYS = Collection(
    name="api_keys",
    noun="api_key",
    envelope="api_keys",
    fields=(
        Field(name="key_id", type=FieldType.IDENTIFIER, required=True, max_chars=64, max_bytes=255),
        Field(name="name", type=FieldType.TEXT, required=True, max_chars=MAX_NAME),
        Field(name="scopes", type=FieldType.TEXT, max_chars=2000),
        _digest("digest"),
        _digest("former_digest", nullable=True),
        _moment("former_until"),
        _moment("expires_at"),
        _moment("revoked_at"),
        _moment("used_at"),
        Field(name="changed_by", type=FieldType.TEXT, required=True, max_chars=MAX_ACTOR),
        *TIMES,
    ),
)
"""Kept like records, and served as none: no list, search, export or cache shows them."""


class KeyText(msgspec.Struct, frozen=True):
    """A key as its holder shows it."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"KeyText({self.key_id!r})"

    def __str__(self) -> str:
        """The whole text."""
        return f"ps_{self.key_id}.{self.secret}"

    @property
    def digest(self) -> str:
        """What is stored of the secret. It is random and long, so that no slow hash is needed."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key; times are aware, UTC."""

    key_id: str
    name: str  # what it is for
    scopes: frozenset[str]
    digest: str
    former_digest: str | None = None  # of the secret before a rotation ...
    former_until: datetime | None = None  # ... which is accepted until then
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None  # to the minute
    changed_by: str  # who made, rotated or revoked it last
    created_at: datetime
    updated_at: datetime
    revision: int

    @property
    def principal(self) -> Principal:
        """Who shows this key."""
        return Principal(kind=PrincipalKind.KEY, id=self.key_id, scopes=self.scopes)

    def fits(self, text: KeyText, now: datetime) -> bool:
        """Whether a secret is this key's at a moment; takes as long whatever is wrong with it."""
        former = self.former_digest if self.former_until is not None and now < self.former_until else None
        shown = text.digest
        is_current = hmac.compare_digest(shown, self.digest)
        is_former = hmac.compare_digest(shown, former or _NO_DIGEST)
        return (is_current or is_former) and self.state(now) == "active"

    def state(self, now: datetime) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"


_NO_DIGEST = "-" * 64  # no digest's text


def compare_with_nothing(text: KeyText) -> None:
    """As much work as ``ApiKey.fits`` has, for a key that is not there."""
    shown = text.digest
    for _ in range(2):
        hmac.compare_digest(shown, _NO_DIGEST)


def key_text(text: str) -> KeyText | None:
    """A key from its text; None where it has not the form of one."""
    match = _TEXT.fullmatch(text)
    return KeyText(match[1], match[2]) if match else None


def made_of(chance: bytes) -> KeyText:
    """A key from ``ID_BYTES + SECRET_BYTES`` random bytes."""
    identity = base64.b32encode(chance[:ID_BYTES]).decode().lower()
    return KeyText(identity, base64.urlsafe_b64encode(chance[ID_BYTES:]).decode().rstrip("="))


def to_record(key: ApiKey) -> Record:
    """A key as it is stored."""
    values = (
        key.key_id,
        key.name,
        " ".join(sorted(key.scopes)),
        key.digest,
        key.former_digest,
        *map(_stored, (key.former_until, key.expires_at, key.revoked_at, key.used_at)),
        key.changed_by,
    )
    return Record(values=values, created_at=key.created_at, updated_at=key.updated_at, revision=key.revision)


def from_record(record: Record) -> ApiKey:
    """A key as it was stored."""
    told = dict(zip(API_KEYS.positions, record.values, strict=True))
    moments = {name: _read(told[name]) for name in ("former_until", "expires_at", "revoked_at", "used_at")}
    given = told | moments | {"scopes": frozenset(str(told["scopes"]).split())}
    times = {"created_at": record.created_at, "updated_at": record.updated_at, "revision": record.revision}
    return msgspec.convert(given | times, ApiKey)


def _stored(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - EPOCH) // MICROSECOND


def _read(stored: str | int | None) -> datetime | None:
    return None if stored is None else EPOCH + int(stored) * MICROSECOND

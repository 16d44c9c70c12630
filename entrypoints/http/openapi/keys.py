"""How API keys are described, and how operations say which scope they need."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domain import errors
from domain.model.access import scope_of
from domain.model.api_keys import MAX_NAME
from entrypoints.http.door import KEY_HEADER
from entrypoints.http.openapi.operation import Problems
from entrypoints.http.openapi.parameters import query
from entrypoints.http.openapi.shapes import Instant, Shape
from entrypoints.http.route import Route
from entrypoints.http.wire import Document

SCHEMES: dict[str, Document] = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": KEY_HEADER,
        "description": "Asked for where the configuration says `auth.mode`; `persistence keys create` makes one.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key, for clients that only know this."},
}
OVERLAP = query(
    "overlap",
    {"type": "number", "exclusiveMinimum": 0, "maximum": 30 * 86_400},
    "Seconds for which the former secret is accepted too; without it, it ends now.",
)
Scopes = Annotated[list[str], Meta(description="A right each, or like `read:translation_tasks` in one collection.")]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="What the key is for.")]


class KeyWanted(Shape, frozen=True, kw_only=True):
    """A key that is to be made."""

    name: Name
    scopes: Scopes
    expires_at: Annotated[str | None, Meta(description="RFC 3339; never without it.")] | UnsetType = UNSET


class ApiKey(Shape, frozen=True, kw_only=True):
    """What is known of a key."""

    key_id: str
    name: Name
    state: Literal["active", "expired", "revoked"]
    scopes: Scopes
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    former_until: Annotated[Instant | None, Meta(description="How long the secret before is accepted.")]
    used_at: Annotated[Instant | None, Meta(description="To the minute.")]
    changed_by: Annotated[str, Meta(description="Who made, rotated or revoked it last.")]


class MadeKey(ApiKey, frozen=True, kw_only=True):
    """A key with its text."""

    key: Annotated[str, Meta(description="Shown this once.")]


class ApiKeys(Shape, frozen=True, kw_only=True):
    """Every key, in the order of their ids."""

    items: list[ApiKey]


def security(route: Route) -> list[Document]:
    """The scopes that an operation needs, by scheme; nothing where it is open."""
    if route.is_open:
        return []
    collections = [name for name in (route.collection, route.also) if name]
    scopes = [scope_of(route.right, name) for name in collections or [""]] if route.right else []
    return [{scheme: scopes} for scheme in SCHEMES]


def refusals(route: Route) -> Problems:
    """What the door may answer."""
    if route.is_open:
        return ()
    known: Problems = (
        errors.CredentialInAddress,
        errors.Unauthenticated,
        errors.ForeignOrigin,
        errors.KeysUnreachable,
    )
    if route.right is not None:
        known += (errors.MissingScope,)
    return (*known, errors.AuditFailed) if route.is_audited else known

"""How keys are described in an answer."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from entrypoints.http.openapi.shapes import Count, Instant, Shape


class KeyUse(Shape, frozen=True, kw_only=True):
    """What is known to be encrypted under a key."""

    values: Annotated[int, Meta(ge=0, description="In stored records, when they were looked at.")]
    dead_letters: Annotated[int, Meta(ge=0, description="Values in dead letters, likewise.")]


class Rewrapped(Shape, frozen=True, kw_only=True):
    """How far the latest look at a collection is."""

    encrypted: Annotated[list[str], Meta(description="Fields.")]
    records: Annotated[int, Meta(ge=0, description="Seen.")]
    plain: Annotated[int, Meta(ge=0, description="Values that it found unencrypted.")]
    rewritten: Annotated[int, Meta(ge=0, description="Records that it encrypted anew.")]
    unreadable: Count
    finished: bool
    finished_at: Annotated[Instant | None, Meta(description="What was written since is not counted.")]
    last_error: str | None


class Keyring(Shape, frozen=True, kw_only=True):
    """The keys by id, and what is under them. No key itself is ever shown."""

    active: Annotated[str, Meta(description="Encrypts; the others decrypt.")]
    keys: dict[str, KeyUse]
    collections: dict[str, Rewrapped]
    finished: Annotated[bool, Meta(description="Everything was looked at since the last exchange of keys, or request.")]
    clean: Annotated[bool, Meta(description="Nothing is left to be encrypted anew.")]

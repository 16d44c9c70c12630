"""How uploads and links are described in an answer."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from entrypoints.http.openapi.shapes import Count, Instant, Shape


class Upload(Shape, frozen=True, kw_only=True):
    """How far an upload is."""

    upload_id: str
    file_id: str
    offset: Count
    length: Count
    expires_at: str


class Link(Shape, frozen=True, kw_only=True):
    """One request to the object store, which it takes from whoever sends it."""

    method: Literal["GET", "PUT"]
    url: Annotated[str, Meta(description="A secret, for as long as it lasts.")]
    headers: Annotated[dict[str, str], Meta(description="Which the request must have, as they are.")]
    expires_at: Instant
    upload: Annotated[str | None, Meta(description="Where to say that the content is there: `POST .../complete`.")]

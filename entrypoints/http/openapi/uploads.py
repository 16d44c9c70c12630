"""How an upload is described in an answer."""

from __future__ import annotations

from entrypoints.http.openapi.shapes import Count, Shape


class Upload(Shape, frozen=True, kw_only=True):
    """How far an upload is."""

    upload_id: str
    file_id: str
    offset: Count
    length: Count
    expires_at: str

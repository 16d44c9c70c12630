"""Media types: what a body may be."""

from __future__ import annotations

from aiohttp import web

from domain.errors import UnsupportedMediaType

JSON = "application/json"
NDJSON = "application/x-ndjson"
OCTETS = "application/octet-stream"
MERGE_PATCH = "application/merge-patch+json"
ACCEPT_POST = f"{JSON}, {NDJSON}"
ACCEPT_PATCH = f"{MERGE_PATCH}, {JSON}"


def media_type(request: web.Request, *allowed: str) -> str:
    """The body's type, one of the allowed. Raises UnsupportedMediaType with the header to send."""
    sent = request.headers.get("Content-Type", "")
    if sent in allowed:
        return sent
    kind, _, parameters = sent.partition(";")
    kind = kind.strip().lower()
    charset = parameters.replace('"', "").replace(" ", "").lower()
    if kind not in allowed or charset not in ("", "charset=utf-8"):
        has = f"`{sent[:80]}`" if sent else "nothing"
        wanted = " or ".join(f"`Content-Type: {name}`" for name in allowed)
        raise UnsupportedMediaType(f"Send {wanted} (in UTF-8); this request says {has}.")
    return kind

"""Entity tags and the conditions that name them (RFC 9110, section 13).

A record's tag names its exact state. A session's detail also shows how far its tasks are, so its tag carries a second
part behind a dot; conditions on writes look at the first part only.
"""

from __future__ import annotations

import re

from aiohttp import web

from domain.errors import InvalidParameter

_TAG = re.compile(r'[ \t]*(W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*)"[ \t]*(?:,|\Z)')


def quoted(tag: str) -> str:
    """The header's text for an opaque tag."""
    return f'"{tag}"'


def if_match(request: web.Request) -> list[str] | None:
    """The tags that a write builds on: None without the header, ``["*"]`` for any; weak tags match nothing.

    Raises InvalidParameter where the header is not what the standard describes.
    """
    tags = _tags(request, "If-Match")
    if tags is None or tags == ["*"]:
        return tags
    return [tag.partition(".")[0] for tag in tags if not tag.startswith("W/")]


def is_unchanged(request: web.Request, tag: str) -> bool:
    """Whether ``If-None-Match`` names the state that a GET would answer with."""
    tags = _tags(request, "If-None-Match")
    return tags is not None and (tags == ["*"] or tag in [found.removeprefix("W/") for found in tags])


def is_only_new(request: web.Request) -> bool:
    """Whether a write is for a record that there is not yet: ``If-None-Match: *``, which is all a write can mean by it.

    Raises InvalidParameter.
    """
    tags = _tags(request, "If-None-Match")
    if tags not in (None, ["*"]):
        raise InvalidParameter("On a write `If-None-Match` is `*`: only where there is none yet.")
    return tags is not None


def refuse(request: web.Request, *names: str) -> None:
    """For addresses that do not look at these conditions: one that is passed over is no protection."""
    for name in names:
        if name in request.headers:
            raise InvalidParameter(f"`{name}` has no meaning here; leave it out.")


def _tags(request: web.Request, name: str) -> list[str] | None:
    values = request.headers.getall(name, None)
    if values is None:
        return None
    text = ",".join(values).strip()
    if text == "*":
        return ["*"]
    tags, place = [], 0
    while place < len(text):
        match = _TAG.match(text, place)
        if match is None:
            break
        tags.append((match[1] or "") + match[2])
        place = match.end()
    if not tags or place < len(text) or text.endswith(","):
        raise InvalidParameter(f'`{name}` takes `*` or tags such as `"18f3-2a"`, separated by commas.')
    return tags

"""Which bytes of a file a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re

from aiohttp import web

from domain.errors import RangeNotSatisfiable
from domain.model.files import Part
from entrypoints.http.preconditions import quoted

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))[ \t]*", re.ASCII)


def part_of(request: web.Request, size: int, tag: str) -> Part | None:
    """The one range that is asked for; None: all of the file.

    Several ranges, another unit, and a range of a version that is no longer the current one stand for the whole, as
    the standard allows. Raises RangeNotSatisfiable.
    """
    text = request.headers.get("Range")
    if text is None or request.headers.get("If-Range", quoted(tag)) != quoted(tag):
        return None
    match = _RANGE.fullmatch(text)
    if match is None or (match[2] and int(match[1]) > int(match[2])):
        return None
    if match[3]:
        start, end = max(0, size - int(match[3])), size
    else:
        start, end = int(match[1]), min(size, int(match[2] or size) + 1)
    if start >= end:
        raise RangeNotSatisfiable(f"The file has {size} bytes; the range is past its end.", size=size)
    return Part(start=start, length=end - start)

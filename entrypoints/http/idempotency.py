"""Idempotency keys at the door (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from domain.errors import InvalidParameter
from domain.model.idempotency import MAX_KEY_LENGTH, IdempotencyKey
from domain.services.idempotency import Attempt
from entrypoints.http.call import Call
from entrypoints.http.parameters import pairs_of

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}")


@asynccontextmanager
async def attempt(call: Call, body: bytes | None = None) -> AsyncIterator[Attempt]:
    """The request under its key, if it has one; with ``body``, all of it is one part.

    Raises InvalidParameter, Replaying, IdempotencyKeyInProgress, IdempotencyKeyReused.
    """
    if (key := _key_of(call)) is None:
        yield Attempt()
        return
    async with call.services.intake.attempt(call.resource.collection, key) as attempt:
        if body is not None:
            attempt.about(digest(call, body))
        yield attempt


def digest(call: Call, body: bytes) -> bytes:
    """What says if two requests are the same: everything about what is to be done, nothing of how long to wait."""
    request, found = call.request, hashlib.sha256()
    said = [request.rel_url.raw_path, ",".join(request.headers.getall("If-Match", []))]
    said += [f"{name}={value}" for name, value in sorted(pairs_of(request)) if name != "timeout"]
    for text in said:
        found.update(b"%d:" % len(text) + text.encode("utf-8", "surrogateescape"))
    found.update(body)
    return found.digest()


def marked(response: web.Response, attempt: Attempt) -> web.Response:
    """The answer, marked where it was given before."""
    if attempt.is_repeated:
        response.headers[REPLAYED] = "true"
    return response


def _key_of(call: Call) -> IdempotencyKey | None:
    values = call.request.headers.getall(HEADER, None)
    if values is None:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0].strip()):
        raise InvalidParameter(f"`{HEADER}` is 1 to {MAX_KEY_LENGTH} visible ASCII characters without a blank, once.")
    operation = f"{call.request.method} {call.endpoint}"
    return IdempotencyKey(call.origin.principal or "", operation, values[0].strip())

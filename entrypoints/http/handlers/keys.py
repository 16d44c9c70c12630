"""API keys: made, listed, given another secret, revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from aiohttp import web

from domain.errors import InvalidParameter, MalformedBody
from domain.model.api_keys import ApiKey, KeyText
from domain.services import strict_json
from domain.services.query_rules import instant as moment_of
from entrypoints.http import media
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.lasting import body_of
from entrypoints.http.parameters import only, seconds
from entrypoints.http.wire import Document, instant

KEYS = "/api/v1/system/keys"
_NOT_KEPT = {"Cache-Control": "no-store"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that is to be made."""

    name: str  # what it is for
    scopes: list[str]
    expires_at: str | None = None  # RFC 3339


_WANTED = msgspec.json.Decoder(Wanted)


async def create(call: Call) -> web.Response:
    """Make an API key; its text is in this answer alone."""
    only(call.request)
    media.media_type(call.request, media.JSON)
    wanted = _wanted(await body_of(call))
    until = None if wanted.expires_at is None else moment_of("expires_at", wanted.expires_at)
    keys = call.services.credentials.keys
    key, text = await keys.create(wanted.name, wanted.scopes, expires_at=until, by=call.actor)
    call.subject = f"{key.key_id} {' '.join(sorted(key.scopes))}"
    return json_response(_with_text(call, key, text), 201, {"Location": f"{KEYS}/{key.key_id}", **_NOT_KEPT})


async def find(call: Call) -> web.Response:
    """Every API key, revoked ones too; of their secrets, nothing."""
    only(call.request)
    now = call.services.clock.now()
    return json_response({"items": [_document(key, now) for key in await call.services.credentials.keys.all()]})


async def revoke(call: Call) -> web.Response:
    """End an API key for good: at once here, within seconds at every other instance."""
    only(call.request)
    await call.services.credentials.keys.revoke(call.request.match_info["key_id"], by=call.actor)
    return web.Response(status=204)


async def rotate(call: Call) -> web.Response:
    """Give an API key another secret; the former one ends now, or after `overlap` seconds."""
    given = only(call.request, "overlap")
    if call.request.can_read_body and await body_of(call):
        raise InvalidParameter("No body is taken here; `overlap` is a parameter of the address, as in `?overlap=3600`.")
    overlap = timedelta(seconds=seconds(given, "overlap", 0.0, highest=30 * 86_400.0))
    key_id = call.request.match_info["key_id"]
    done = await call.services.credentials.keys.rotate(key_id, overlap=overlap, by=call.actor)
    return json_response(_with_text(call, done.key, done.text), headers=_NOT_KEPT)


def _wanted(body: bytes) -> Wanted:
    strict_json.check(body)
    try:
        return _WANTED.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidParameter(f"The body describes no key: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from None


def _with_text(call: Call, key: ApiKey, text: KeyText) -> Document:
    return {"key": str(text)} | _document(key, call.services.clock.now())


def _document(key: ApiKey, now: datetime) -> Document:
    moments = {name: getattr(key, name) for name in ("expires_at", "revoked_at", "former_until", "used_at")}
    return {
        "key_id": key.key_id,
        "name": key.name,
        "state": key.state(now),
        "scopes": sorted(key.scopes),
        "created_at": instant(key.created_at),
        **{name: instant(at) if at else None for name, at in moments.items()},
        "changed_by": key.changed_by,
    }

"""Records that a backend refused: what they are, and what shall become of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from urllib.parse import urlencode

from aiohttp import web

from domain.errors import InvalidParameter, InvalidRecords
from domain.model.access import Right
from domain.model.dead_letters import LetterFilter, LetterId, Replayed, Sweep
from domain.model.query import MAX_PAGE_SIZE
from domain.services import strict_json
from domain.services.query_rules import instant
from entrypoints.http import letter_wire, media
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.door import require
from entrypoints.http.lasting import body_of
from entrypoints.http.parameters import only, pairs_of, seconds, whole, word
from entrypoints.http.resource import moved
from entrypoints.http.wire import Document

FILTERS = ("collection", "code", "key", "before")
PAGE_SIZE = 20
SWEEP_SIZE = 1000  # letters that one request replays at most
OUTCOME_SECONDS = 5.0  # to wait for what becomes of a replay


async def find(call: Call) -> web.Response:
    """List dead letters, oldest place first, and count them by cause; records are left out."""
    given = only(call.request, *FILTERS, "page_size", "cursor")
    size = whole(given, "page_size", PAGE_SIZE, 1, MAX_PAGE_SIZE)
    service, where, after = call.services.dead_letters, _filter(call, given), letter_wire.place(given.get("cursor"))
    letters = await service.find(where, after=after, limit=size)
    onward = await service.find(where, after=letters[-1].id, limit=1) if letters else ()
    cursor = letter_wire.cursor(letters[-1].id) if onward else None
    level, causes = await service.level(), await service.causes()
    page = letter_wire.page(letters, level, causes) | {"page_size": size, "next_cursor": cursor}
    return json_response(page, headers={"Link": _next(call, cursor)} if cursor else None)


async def get(call: Call) -> web.Response:
    """One dead letter with its record as it was received."""
    only(call.request)
    letter = await call.services.dead_letters.get(_id(call))
    if call.resources[letter.lane].plain is not None:
        require(call, Right.PII, letter.lane)
    return json_response(letter_wire.whole(letter))


async def replay(call: Call) -> web.Response:
    """Take a refused record again, in its version; a body is the record that takes its place."""
    timeout = seconds(only(call.request, "timeout"), "timeout", OUTCOME_SECONDS)
    edited = await _edited(call) if call.request.body_exists else None
    try:
        done = await call.services.dead_letters.replay(_id(call), edited, timeout=timeout, origin=call.origin)
    except InvalidRecords as problem:  # the rules count records; here there is only one
        raise InvalidRecords(problem.detail, errors=moved(problem.errors, 1, "")) from None
    return _replayed(done)


async def replay_many(call: Call) -> web.Response:
    """Take many refused records again, those of a cause or all; go on with the cursor while there is one."""
    given = only(call.request, *FILTERS, "limit", "cursor", "timeout", "all")
    where, after = _chosen(call, given), letter_wire.place(given.get("cursor"))
    limit = whole(given, "limit", SWEEP_SIZE, 1, SWEEP_SIZE)
    timeout = seconds(given, "timeout", OUTCOME_SECONDS)
    sweep = await call.services.dead_letters.sweep(where, after=after, limit=limit, timeout=timeout, origin=call.origin)
    return json_response(await _swept(call, where, sweep))


async def purge(call: Call) -> web.Response:
    """Forget a dead letter for good."""
    only(call.request)
    await call.services.dead_letters.purge(_id(call), origin=call.origin)
    return web.Response(status=204)


async def purge_many(call: Call) -> web.Response:
    """Forget many dead letters for good, those of a cause or all."""
    where = _chosen(call, only(call.request, *FILTERS, "all"))
    return json_response({"purged": await call.services.dead_letters.purge_all(where, origin=call.origin)})


def _id(call: Call) -> LetterId:
    return LetterId.parse(call.request.match_info["letter_id"])


def _filter(call: Call, given: Mapping[str, str]) -> LetterFilter:
    lane = given.get("collection")
    if lane is not None:
        call.services.registry.collection(lane)
    before = instant("before", given["before"]).astimezone(UTC).isoformat() if "before" in given else None
    return LetterFilter(lane=lane, code=given.get("code"), key=given.get("key"), before=before)


def _chosen(call: Call, given: Mapping[str, str]) -> LetterFilter:
    """The filter of a request that changes something: "all of them" must be said."""
    everything = word(given, "all", ("false", "true")) == "true"
    filters = [name for name in FILTERS if name in given]
    if everything == bool(filters):
        raise InvalidParameter(f"Say which: by {', '.join(FILTERS)}, or `all=true` for every one; not both.")
    return _filter(call, given)


def _next(call: Call, cursor: str) -> str:
    kept = [(name, value) for name, value in pairs_of(call.request) if name != "cursor"]
    return f'<{call.request.rel_url.raw_path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'


async def _edited(call: Call) -> bytes:
    media.media_type(call.request, media.JSON)
    body = await body_of(call)
    strict_json.check(body)
    return body


def _replayed(done: Replayed) -> web.Response:
    document = letter_wire.replayed(done)
    if done.verdict is None:
        return json_response(document, 202, {"Location": f"/api/v1/receipts/{done.receipt}"})
    return json_response(document)


async def _swept(call: Call, where: LetterFilter, sweep: Sweep) -> Document:
    """The sum of a sweep; a cursor where more letters wait behind it that were there when it began."""
    rest = LetterFilter(lane=where.lane, code=where.code, key=where.key, before=sweep.before)
    onward = await call.services.dead_letters.find(rest, after=sweep.last, limit=1)
    return letter_wire.swept(sweep, onward=bool(onward))

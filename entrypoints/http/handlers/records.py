"""Records of any collection: batches in, single records and lists out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from urllib.parse import quote

from aiohttp import web

from domain.errors import InvalidRecords, RecordNotFound, ValueTaken
from domain.model.changes import ChangeResult
from domain.model.collections import Collection
from domain.model.query import Condition
from domain.model.receipts import Receipt
from domain.model.records import Record
from domain.services import strict_json
from domain.services.query_rules import checked_key
from entrypoints.http import acks, idempotency, list_parameters, media, preconditions, shown
from entrypoints.http.answers import json_response, page_response
from entrypoints.http.call import Call
from entrypoints.http.errors import summary
from entrypoints.http.lasting import body_of
from entrypoints.http.list_parameters import ListRequest
from entrypoints.http.ndjson import NdjsonStream
from entrypoints.http.parameters import only, pairs_of
from entrypoints.http.resource import moved
from entrypoints.http.wire import Document


async def accept(call: Call) -> web.Response:
    """Take a batch; answers when it would survive a power loss, or as `ack` says."""
    preconditions.refuse(call.request, "If-Match", "If-None-Match")
    terms = acks.terms(call.request)
    if media.media_type(call.request, media.JSON, media.NDJSON) == media.NDJSON:
        async with idempotency.attempt(call) as attempt:
            stream = NdjsonStream(call, terms, attempt)
            return idempotency.marked(await acks.answer(call, terms, await stream.run(), stream.kept), attempt)
    body = call.resource.former.in_batch(await body_of(call), call.deprecated)
    collection, origin, take = call.resource.collection, call.origin, call.services.intake.take
    async with idempotency.attempt(call, body) as attempt:
        taken = await call.resource.within_envelope(
            body,
            lambda batch: take(collection, batch, partial=terms.partial, ack=terms.ack, origin=origin, attempt=attempt),
        )
        told: Document = {"count": taken.count, "receipt": str(taken.receipt)}
        if terms.partial:
            told["errors"] = moved(taken.errors, 0, f"/{collection.envelope}")
        return idempotency.marked(await acks.answer(call, terms, told, [taken]), attempt)


async def patch_many(call: Call) -> web.Response:
    """Change fields of many records; answers with a verdict for each."""
    media.media_type(call.request, media.JSON, media.MERGE_PATCH)
    return await _each_judged(call, call.services.changes.patch_many)


async def replace_many(call: Call) -> web.Response:
    """Store many whole records, new ones or in the place of others; answers with a verdict for each."""
    media.media_type(call.request, media.JSON)
    return await _each_judged(call, call.services.changes.replace_many)


async def create(call: Call) -> web.Response:
    """Store a new record, under an id of its own or a fresh one."""
    only(call.request)
    preconditions.refuse(call.request, "If-Match", "If-None-Match")
    media.media_type(call.request, media.JSON)
    body = call.resource.former.in_record(await body_of(call), call.deprecated)
    strict_json.check(body)
    collection, fresh = call.resource.collection, call.services.ids.request_id()
    async with idempotency.attempt(call, body) as attempt:
        with _of_one():
            record = await call.services.changes.create(collection, body, fresh, origin=call.origin, attempt=attempt)
        headers = {
            "ETag": preconditions.quoted(record.tag),
            "Location": f"{call.request.rel_url.raw_path}/{quote(record.key, safe='')}",
        }
        return idempotency.marked(json_response(shown.document(call, record), 201, headers), attempt)


async def _each_judged(call: Call, change: Callable[..., Awaitable[Sequence[ChangeResult]]]) -> web.Response:
    only(call.request)
    preconditions.refuse(call.request, "If-Match", "If-None-Match")
    body = call.resource.former.in_batch(await body_of(call), call.deprecated)
    collection, origin = call.resource.collection, call.origin
    async with idempotency.attempt(call, body) as attempt:
        results = await call.resource.within_envelope(
            body, lambda batch: change(collection, batch, origin=origin, attempt=attempt)
        )
        answer = json_response({"status": "stored", "results": [_result(collection, result) for result in results]})
        return idempotency.marked(answer, attempt)


async def find(call: Call) -> web.Response:
    """One page of a collection."""
    asked = await list_asked(call)
    found = await call.services.query.find(
        call.resource.collection, asked.query, strong=asked.strong, lookup=call.lookup
    )
    return page_response(call, asked, found)


async def get(call: Call) -> web.Response:
    """One record, unflushed changes included."""
    await behind_receipt(call)
    record = await call.services.query.get(call.resource.collection, key_of(call), call.lookup)
    if preconditions.is_unchanged(call.request, record.tag):
        return not_modified(record.tag)
    return json_response(shown.document(call, record), headers={"ETag": preconditions.quoted(record.tag)})


async def behind_receipt(call: Call) -> None:
    """Wait for what another instance has acknowledged, where the request names its receipt."""
    if "receipt" in (given := only(call.request, "receipt")):
        await call.services.query.behind(call.resource.collection, Receipt.parse(given["receipt"]))


async def patch(call: Call) -> web.Response:
    """Change fields of one record (JSON merge patch); answers with the stored result."""
    return await patched(call, partial(call.services.changes.patch, call.resource.collection))


async def patched(call: Call, change: Callable[..., Awaitable[Record]]) -> web.Response:
    """The answer to a merge patch of one record; ``change`` makes it, as the service of changes does."""
    only(call.request)
    media.media_type(call.request, media.MERGE_PATCH, media.JSON)
    preconditions.refuse(call.request, "If-None-Match")
    key, tags = key_of(call), preconditions.if_match(call.request)
    body = call.resource.former.in_record(await body_of(call), call.deprecated)
    strict_json.check(body)
    async with idempotency.attempt(call, body) as attempt:
        with _of_one():
            record = await change(key, body, if_match=tags, origin=call.origin, attempt=attempt)
        tag = {"ETag": preconditions.quoted(record.tag)}
        return idempotency.marked(json_response(shown.document(call, record), headers=tag), attempt)


async def delete(call: Call) -> web.Response:
    """Delete one record; a tombstone stays behind for a while."""
    only(call.request)
    preconditions.refuse(call.request, "If-None-Match")
    tags = preconditions.if_match(call.request)
    key, collection = key_of(call), call.resource.collection
    async with idempotency.attempt(call, b"") as attempt:
        await call.services.changes.delete(collection, key, if_match=tags, origin=call.origin, attempt=attempt)
        return idempotency.marked(web.Response(status=204), attempt)


async def list_asked(call: Call, *fixed: Condition) -> ListRequest:
    """The list that the parameters ask for. Raises InvalidParameter, InvalidCursor."""
    collection, visible = call.resource.collection, call.services.query.visible
    pairs = call.resource.former.in_parameters(pairs_of(call.request), call.deprecated)
    asked = list_parameters.parse(collection, pairs, *fixed)
    shown.check(call, collection, asked.query.filter, asked.query.sort, asked.fields or ())
    return await list_parameters.located(collection, asked, lambda key: visible(collection, key))


def key_of(call: Call) -> str:
    """The record's id in the address. Raises InvalidParameter."""
    collection = call.resource.collection
    return checked_key(collection, call.request.match_info[collection.key])


def not_modified(tag: str) -> web.Response:
    """The caller's copy is the current one."""
    return web.Response(status=304, headers={"ETag": preconditions.quoted(tag)})


@contextmanager
def _of_one() -> Iterator[None]:
    """The service counts items; here there is only one."""
    try:
        yield
    except InvalidRecords as problem:
        raise InvalidRecords(problem.detail, errors=moved(problem.errors, 1, "")) from None
    except ValueTaken as problem:
        raise ValueTaken(problem.detail, errors=moved(problem.errors, 1, "")) from None


def _result(collection: Collection, result: ChangeResult) -> Document:
    absent = isinstance(result.problem, RecordNotFound)
    item: Document = {
        "index": result.index,
        "key": result.key,
        "verdict": result.verdict or ("not_found" if absent else "refused"),
        "revision": None if result.revision is None else str(result.revision),
    }
    problem = result.problem
    if isinstance(problem, ValueTaken):
        problem = ValueTaken(problem.detail, errors=moved(problem.errors, 0, f"/{collection.envelope}"))
    return item | ({"problem": summary(problem)} if problem else {})

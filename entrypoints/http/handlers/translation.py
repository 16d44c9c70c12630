"""What is special about translation: sessions know how far their tasks are, and can be restored."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence

import msgspec
from aiohttp import web

from domain.model.query import Condition, Operator
from domain.model.records import Record
from domain.services.query_rules import checked_key
from entrypoints.http import preconditions, shown, wire
from entrypoints.http.answers import json_response, page_response, streamed_response
from entrypoints.http.call import Call
from entrypoints.http.handlers.records import behind_receipt, key_of, list_asked, not_modified
from entrypoints.http.parameters import only
from entrypoints.http.resource import Resource
from entrypoints.http.wire import Document


async def session_detail(call: Call) -> web.Response:
    """One session, and how far its tasks are."""
    await behind_receipt(call)
    session = await call.services.query.get(call.resource.collection, key_of(call), call.lookup)
    tasks = wire.progress(await call.services.query.progress(session.key, call.lookup))
    tag = f"{session.tag}.{zlib.crc32(msgspec.json.encode(tasks)):x}"
    if preconditions.is_unchanged(call.request, tag):
        return not_modified(tag)
    document = shown.document(call, session) | {"tasks": tasks}
    return json_response(document, headers={"ETag": preconditions.quoted(tag)})


async def session_tasks(call: Call) -> web.Response:
    """One page of a session's tasks; a session that nobody sent has none."""
    collection = call.resource.collection
    session_id = checked_key(collection, call.request.match_info["session_id"])
    of_session = Condition("session_id", Operator.EQ, (session_id,))
    asked = await list_asked(call, of_session)
    found = await call.services.query.find(collection, asked.query, strong=asked.strong, lookup=call.lookup)
    return page_response(call, asked, found)


async def incomplete_sessions(call: Call) -> web.Response:
    """One page of the sessions that can be restored."""
    asked = await list_asked(call)
    found = await call.services.recovery.incomplete(asked.query, strong=asked.strong, lookup=call.lookup)
    return page_response(call, asked, found)


async def restore(call: Call) -> web.StreamResponse:
    """Everything that a crashed client needs to go on with a session."""
    only(call.request)
    restored = await call.services.recovery.restore(key_of(call))
    head = {
        "session": shown.document(call, restored.session),
        "statistics": wire.progress(restored.progress),
        "restored_at": wire.instant(restored.restored_at),
        "lease": None,
    }
    return await streamed_response(call, head, "tasks", _documents(call.resources["translation_tasks"], restored.tasks))


async def _documents(resource: Resource, portions: AsyncIterator[Sequence[Record]]) -> AsyncIterator[list[Document]]:
    async for records in portions:
        yield [resource.wire.document(record) for record in records]

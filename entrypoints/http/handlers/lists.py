"""Lists of any collection beyond a page: asked for by a tree of conditions, counted by value, written out whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
from aiohttp import web

from domain.errors import InvalidParameter
from domain.model.collections import Collection, FieldType
from domain.model.query import And
from domain.model.records import Record
from entrypoints.formats import FORMATS, Lines
from entrypoints.http import filter_body, list_parameters, media, shown
from entrypoints.http.answers import json_response, page_response, streamed_lines
from entrypoints.http.call import Call
from entrypoints.http.lasting import body_of
from entrypoints.http.parameters import only, pairs_of, singles, word

AGGREGATE = ("group_by", "metrics", "consistency", "from_date", "to_date")
EXPORT = ("format", "from_date", "to_date")
CSV = "text/csv"
_MEDIA = {"ndjson": media.NDJSON, "csv": f"{CSV}; charset=utf-8"}


async def query(call: Call) -> web.Response:
    """One page of a collection, by a tree of conditions."""
    only(call.request)
    media.media_type(call.request, media.JSON)
    collection, visible = call.resource.collection, call.services.query.visible
    body = call.resource.former.in_question(await body_of(call), call.deprecated)
    where, pairs = filter_body.read(collection, body)
    asked = list_parameters.parse(collection, pairs, where)
    shown.check(call, collection, asked.query.filter, asked.query.sort, asked.fields or ())
    asked = await list_parameters.located(collection, asked, lambda key: visible(collection, key))
    found = await call.services.query.find(collection, asked.query, strong=asked.strong, lookup=call.lookup)
    return page_response(call, asked, found, linked=False)


async def aggregate(call: Call) -> web.Response:
    """How many records there are by the values of a field, the commonest first."""
    collection = call.resource.collection
    pairs = call.resource.former.in_parameters(pairs_of(call.request), call.deprecated)
    control = singles([pair for pair in pairs if pair[0] in AGGREGATE], AGGREGATE)
    field = _grouped(collection, control.get("group_by"))
    word(control, "metrics", ("count",))
    where = And(list_parameters.terms(collection, pairs, AGGREGATE))
    shown.check(call, collection, where, (), (field,))
    lookup = call.lookup
    if word(control, "consistency", ("eventual", "strong")) == "strong":
        await call.services.query.settle(collection)
        lookup = lookup and lookup.renewed()
    counts = await call.services.query.count_by(collection, field, where, lookup)
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    groups = [{"value": value, "count": count} for value, count in ranked]
    return json_response({"group_by": field, "groups": groups})


async def export(call: Call) -> web.StreamResponse:
    """All records that match, in the order of their ids, what was acknowledged before among them."""
    collection = call.resource.collection
    pairs = call.resource.former.in_parameters(pairs_of(call.request), call.deprecated)
    control = singles([pair for pair in pairs if pair[0] in EXPORT], EXPORT)
    form = word(control, "format", tuple(_MEDIA))
    where = And(list_parameters.terms(collection, pairs, EXPORT))
    shown.check(call, collection, where, ())
    await call.services.query.settle(collection)
    lines = FORMATS[form](collection, shown.fields_for(call, call.resource))
    portions = _lines(call, lines, call.services.query.scan(collection, where))
    return await streamed_lines(call, _MEDIA[form], lines.head, portions)


async def _lines(call: Call, lines: Lines, portions: AsyncIterator[Sequence[Record]]) -> AsyncIterator[bytes]:
    async for records in portions:
        yield lines.of([msgspec.json.encode(shown.document(call, record)) for record in records])


def _grouped(collection: Collection, name: str | None) -> str:
    """A field with few values. Raises InvalidParameter, listing those there are."""
    known = [field.name for field in collection.fields if field.type is FieldType.CHOICE]
    if name not in known:
        said = "is missing" if name is None else f"does not take {name[:80]!r}"
        raise InvalidParameter(f"`group_by` {said}; it takes a field with few values: {', '.join(known)}.")
    return name

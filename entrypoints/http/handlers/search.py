"""Records by the words in their texts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import web

from domain.errors import InvalidParameter
from domain.model.access import Right
from domain.model.collections import Collection
from domain.model.query import And
from domain.model.search import (
    MAX_FACETS,
    MAX_HITS,
    Hit,
    SearchQuery,
    decode_place,
    encode_place,
    facet_of,
    words_of,
)
from domain.model.translation import TASKS
from domain.services.search import Found
from entrypoints.http import list_parameters, shown
from entrypoints.http.answers import json_response
from entrypoints.http.call import Call
from entrypoints.http.door import require
from entrypoints.http.parameters import only, pairs_of, singles, whole, word
from entrypoints.http.wire import Document

PAGE_SIZE = 20
CONTROLS = ("q", "collection", "highlight", "facets", "page_size", "cursor", "consistency", "from_date", "to_date")
_WORDS = {"true": True, "false": False}


async def find(call: Call) -> web.Response:
    """One page of the records that have every word in their texts, the best first."""
    pairs = pairs_of(call.request)
    control = singles([pair for pair in pairs if pair[0] in CONTROLS], CONTROLS)
    collection = call.services.registry.collection(control.get("collection", TASKS.name))
    require(call, Right.READ, collection.name)
    terms = list_parameters.terms(collection, pairs, CONTROLS)
    query = _query(collection, control, And(terms))
    shown.check(call, collection, query.filter, (), query.facets)
    strong = word(control, "consistency", ("eventual", "strong")) == "strong"
    found = await call.services.searching.service.find(collection, query, strong=strong)
    return json_response(_page(call, collection, query, found))


async def rebuild(call: Call) -> web.Response:
    """Empty the search index of a collection, or of all, and fill it from the backend; returns at once."""
    name = only(call.request, "collection").get("collection")
    if name is not None:
        call.services.registry.collection(name)
    return json_response({"status": "filling", "collections": call.services.searching.service.rebuild(name)}, 202)


def _query(collection: Collection, control: Mapping[str, str], where: And) -> SearchQuery:
    if "q" not in control:
        raise InvalidParameter("`q` is missing: the words to look for.")
    names = [name.strip() for name in control["facets"].split(",")] if "facets" in control else []
    if len(names) > MAX_FACETS:
        raise InvalidParameter(f"`facets` takes at most {MAX_FACETS} fields.")
    query = SearchQuery(
        words=words_of(control["q"]),
        filter=where,
        limit=whole(control, "page_size", PAGE_SIZE, 1, MAX_HITS),
        facets=tuple(facet_of(collection, name).name for name in names),
        highlight=_WORDS[word(control, "highlight", ("false", "true"))],
    )
    if "cursor" not in control:
        return query
    return msgspec.structs.replace(query, after=decode_place(collection, query, control["cursor"]))


def _page(call: Call, collection: Collection, query: SearchQuery, found: Found) -> Document:
    resource, result = call.resources[collection.name], found.result
    page: Document = {
        "items": [_item(hit, shown.document(call, record, resource), query.highlight) for hit, record in found.items],
        "page_size": query.limit,
        "total": result.total,
        "total_exact": result.total_exact,
        "next_cursor": encode_place(collection, query, result.hits[-1].place) if result.more else None,
    }
    if query.facets:
        page["facets"] = result.facets
    return page


def _item(hit: Hit, record: Document, highlight: bool) -> Document:
    item: Document = {"score": hit.score, "record": record}
    return item | {"highlights": hit.highlights} if highlight else item

"""One search as a document, and what is in its answer."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from adapters.opensearch.documents import GRAM, id_of
from adapters.opensearch.filters import Clause, any_of, compared, query_of
from domain.model.collections import Collection
from domain.model.highlights import highlighted
from domain.model.search import EXACT_HITS, FACET_VALUES, Hit, SearchQuery, SearchResult


def preference(query: SearchQuery) -> str:
    """Sends all pages of a search to one copy of the index: the scores of another may differ a little."""
    return f"search-{zlib.crc32(' '.join(query.words).encode())}"


def request(collection: Collection, query: SearchQuery, seconds: float) -> Clause:
    """What is asked: one hit more than the page holds. Raises InvalidParameter."""
    long = [_word(collection, word) for word in query.words if len(word) >= GRAM]
    short = [_word(collection, word) for word in query.words if len(word) < GRAM]
    visible = [{"term": {"deleted": False}}, query_of(collection, query.filter), *short]
    body: Clause = {
        "query": {"bool": {"must": long, "filter": visible}},
        "sort": [{"_score": "desc"}, {"key": "asc"}],
        "size": query.limit + 1,
        "track_total_hits": EXACT_HITS,
        "timeout": f"{max(1, int(seconds * 1000))}ms",
        "_source": False,
        "aggs": {name: _counted(collection, name) for name in query.facets},
    }
    if query.after is not None:
        body["search_after"] = [query.after.score, query.after.key]
    return body


def result(query: SearchQuery, answer: Mapping[str, Any], *, whole: bool) -> SearchResult:
    """What was found, without highlights. Any: the server's answer."""
    hits, total = answer["hits"]["hits"], answer["hits"]["total"]
    return SearchResult(
        hits=tuple(Hit(key=key, score=score) for score, key in (hit["sort"] for hit in hits[: query.limit])),
        total=total["value"],
        total_exact=total["relation"] == "eq",
        more=len(hits) > query.limit,
        facets={
            name: {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"][name]["buckets"]}
            for name in query.facets
        },
        whole=whole,
    )


def _word(collection: Collection, word: str) -> Clause:
    """One of the texts has the word: as a row of terms, or, where it is shorter than one, as a term of its own."""
    part, kind = ("words", "match_phrase") if len(word) >= GRAM else ("short", "match")
    return any_of([{kind: {f"values.{field.name}.{part}": {"query": word}}} for field in collection.searchable])


def _counted(collection: Collection, name: str) -> Clause:
    order = [{"_count": "desc"}, {"_key": "asc"}]
    return {"terms": {"field": compared(collection.by_name[name]), "size": FACET_VALUES, "order": order}}


def texts_of(hits: Sequence[Hit]) -> Clause:
    """What asks for the documents of hits."""
    return {"ids": [id_of(hit.key) for hit in hits]}


def shown(collection: Collection, query: SearchQuery, hit: Hit, document: Mapping[str, Any]) -> Hit:
    """A hit with highlights. Any: the server's answer to what asks for its document."""
    texts, parts = document.get("_source", {}).get("values", {}), {}
    for field in collection.searchable:
        if part := highlighted(texts.get(field.name) or "", query.words):
            parts[field.name] = part
    return msgspec.structs.replace(hit, highlights=parts)

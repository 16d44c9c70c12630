"""One page of a list, as OpenSearch is asked for it, and what is in its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.opensearch.filters import Clause, compared, query_of
from adapters.opensearch.records import record_of
from domain.model.collections import Collection
from domain.model.query import And, Condition, CountMode, Filter, Operator, Or, Query, QueryResult, Sort, SortValue

KEY = "key"  # of a document: the record's
_TOTAL = "total"


def page(collection: Collection, query: Query, seconds: float) -> Clause:
    """What is asked: one record more than the page holds. Raises InvalidParameter."""
    is_counted = query.count is not CountMode.NONE
    body: Clause = {
        "query": visible(collection, query.filter),
        "sort": [_order(collection, key) for key in query.sort],
        "from": query.offset,
        "size": query.limit + 1,
        "track_total_hits": is_counted,
        "timeout": timeout(seconds),
    }
    if query.after is None:
        return body
    counted: Clause = {"aggs": {_TOTAL: {"value_count": {"field": KEY}}}} if is_counted else {}
    rest = query_of(collection, _behind(query.sort, query.after))
    return body | counted | {"post_filter": rest, "track_total_hits": False}


def result(collection: Collection, query: Query, answer: Any) -> QueryResult:
    """What was found; every count is exact. Any: the server's answer."""
    found = [record_of(collection, hit["_source"]) for hit in answer["hits"]["hits"]]
    total = None
    if query.count is not CountMode.NONE:
        total = answer["aggregations"][_TOTAL]["value"] if query.after is not None else answer["hits"]["total"]["value"]
    return QueryResult(
        items=tuple(found[: query.limit]),
        total=total,
        total_exact=total is not None,
        more=len(found) > query.limit,
    )


def visible(collection: Collection, where: Filter) -> Clause:
    """No tombstone, and the filter holds. Raises InvalidParameter."""
    return {"bool": {"filter": [query_of(collection, where)], "must_not": [{"exists": {"field": "deleted_at"}}]}}


def timeout(seconds: float) -> str:
    """The server's own deadline for a search."""
    return f"{max(1, int(seconds * 1000))}ms"


def _order(collection: Collection, key: Sort) -> Clause:
    """Null is the lowest."""
    path = KEY if key.field == collection.key else compared(collection.by_name[key.field])
    if key.descending:
        return {path: {"order": "desc", "missing": "_last"}}
    return {path: {"order": "asc", "missing": "_first"}}


def _behind(sort: Sequence[Sort], place: Sequence[SortValue]) -> Filter:
    """The records that follow a place: equal in the first sort keys, beyond it in the next one."""
    terms: list[Filter] = []
    equal: list[Filter] = []
    for key, value in zip(sort, place, strict=True):
        terms.append(And((*equal, _beyond(key, value))))
        equal.append(_is_null(key) if value is None else Condition(key.field, Operator.EQ, (value,)))
    return Or(tuple(terms))


def _beyond(key: Sort, value: SortValue) -> Filter:
    if value is None:
        return Or(()) if key.descending else Condition(key.field, Operator.ISNULL, (False,))
    if key.descending:
        return Or((Condition(key.field, Operator.LT, (value,)), _is_null(key)))
    return Condition(key.field, Operator.GT, (value,))


def _is_null(key: Sort) -> Condition:
    return Condition(key.field, Operator.ISNULL, (True,))

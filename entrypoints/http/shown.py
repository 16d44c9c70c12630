"""Which fields of a record are for a caller: sensitive ones need `pii`; who may not read sees which record it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.model.access import Right
from domain.model.collections import Collection
from domain.model.query import Filter, Sort, conditions
from domain.model.records import Record
from entrypoints.http.call import Call
from entrypoints.http.door import require
from entrypoints.http.resource import Resource
from entrypoints.http.wire import Document


def fields_for(call: Call, resource: Resource) -> tuple[str, ...] | None:
    """The fields that an answer has; None: all of them."""
    name = resource.collection.name
    if not call.principal.may(Right.READ, name):
        return resource.outline
    return None if resource.plain is None or call.principal.may(Right.PII, name) else resource.plain


def document(call: Call, record: Record, resource: Resource | None = None) -> Document:
    """A record of the route's collection, or another one, as the caller may see it."""
    resource = resource or call.resource
    return resource.wire.document(record, fields_for(call, resource))


def check(call: Call, collection: Collection, where: Filter, sort: Sequence[Sort], names: Iterable[str] = ()) -> None:
    """Refuse a question about sensitive fields, whose answer would betray them. Raises MissingScope."""
    asked = {*names, *(key.field for key in sort), *(term.field for term in conditions(where))}
    if any(field.sensitive and field.name in asked for field in collection.fields):
        require(call, Right.PII, collection.name)

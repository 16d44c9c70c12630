"""How a record is a document, and what its index is made like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters.opensearch.filters import (
    HEAD_CHARS,
    MAX_EXPRESSION,
    Clause,
    column_type,
    digest_of,
    is_cut,
    is_long,
    micros,
)
from domain.errors import BackendCorrupt
from domain.model.collections import Collection
from domain.model.records import EPOCH, Record

WINDOW = 101_000  # the place of the last record that pages by number reach, and one more
_BULK_BYTES = 8 * 1024 * 1024  # of one call
_STATE = ("updated_at", "revision", "deleted_at")  # what an answer to a write tells
_CONFLICTS = 100  # of writers of one record at once, before they are told to come again

# Whole record and service's columns: the greater pair wins, and the earliest creation stays, whatever wins.
_TAKE = (
    "def stored = ctx._source; def sent = params.record; "
    "if (stored.key == null) { ctx._source = sent } else { "
    "def created = sent.created_at < stored.created_at ? sent.created_at : stored.created_at; "
    "if (sent.updated_at > stored.updated_at"
    " || sent.updated_at == stored.updated_at && sent.revision > stored.revision)"
    " { ctx._source = sent; ctx._source.created_at = created } "
    "else if (created < stored.created_at) { stored.created_at = created } "
    "else { ctx.op = 'none' } }"
)


def definition(collection: Collection, pattern: Sequence[str]) -> Clause:
    """The template of a collection's indexes."""
    rules = _rules(collection)
    rules["mappings"]["_meta"] = {"persistence": rules_of(collection)}
    return {"index_patterns": list(pattern), "priority": 500, "template": rules}


def rules_of(collection: Collection) -> str:
    """A word that is another one where indexes are made otherwise."""
    return hashlib.sha256(msgspec.json.encode(_rules(collection), order="deterministic")).hexdigest()[:16]


def id_of(key: str) -> str:
    """A record's document."""
    return f"={key}"


def bulks(collection: Collection, records: Sequence[Record], places: Sequence[str]) -> Iterator[bytes]:
    """Bodies of bulk calls; ``places``: the index of each record."""
    lines, size = list[bytes](), 0
    for record, place in zip(records, places, strict=True):
        pair = _update(record, collection, place)
        if lines and size + len(pair) > _BULK_BYTES:
            yield b"".join(lines)
            lines, size = [], 0
        lines.append(pair)
        size += len(pair)
    if lines:
        yield b"".join(lines)


def record_of(collection: Collection, document: Any) -> Record:
    """The record of a document; a field that it lacks has its default. Any: the server's. Raises BackendCorrupt."""
    try:
        values, deleted = document.get("values", {}), document.get("deleted_at")
        return Record(
            (document["key"], *(values.get(each.name, each.default) for each in collection.data_fields[1:])),
            instant(document["created_at"]),
            instant(document["updated_at"]),
            document["revision"],
            None if deleted is None else instant(deleted),
        )
    except (LookupError, TypeError, AttributeError, OverflowError) as error:
        raise BackendCorrupt(f"OpenSearch has something in {collection.name} that is no record: {error!r}.") from error


def instant(number: int) -> datetime:
    """The moment of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=number)


def _update(record: Record, collection: Collection, place: str) -> bytes:
    action = {"update": {"_index": place, "_id": id_of(record.key), "retry_on_conflict": _CONFLICTS}}
    script = {"source": _TAKE, "params": {"record": _document(record, collection)}}
    change = {"scripted_upsert": True, "upsert": {}, "script": script, "_source": _STATE}
    return b"%b\n%b\n" % (msgspec.json.encode(action), msgspec.json.encode(change))


def _document(record: Record, collection: Collection) -> Clause:
    document: Clause = {
        "key": record.key,
        "created_at": micros(record.created_at),
        "updated_at": micros(record.updated_at),
        "revision": record.revision,
    }
    if record.deleted_at is not None:
        return document | {"deleted_at": micros(record.deleted_at)}
    values = {
        field.name: value
        for field, value in zip(collection.data_fields, record.values, strict=True)
        if value is not None
    }
    long = {name: str(value) for name, value in values.items() if is_long(collection.by_name[name])}
    heads = {name: text[:HEAD_CHARS] for name, text in long.items()}
    digests = {name: digest_of(text) for name, text in long.items() if is_cut(collection.by_name[name], text)}
    return document | {"values": values, "heads": heads, "digests": digests}


def _rules(collection: Collection) -> Clause:
    moments = {name: {"type": "long"} for name in ("created_at", "updated_at", "deleted_at")}
    long = [field.name for field in collection.data_fields if is_long(field)]
    properties: Clause = {
        "key": {"type": "keyword"},
        **moments,
        "revision": {"type": "long", "index": False, "doc_values": False},
        "values": {"properties": {field.name: {"type": column_type(field)} for field in collection.data_fields}},
        "heads": {"properties": {name: {"type": "keyword"} for name in long}},
        "digests": {"properties": {name: {"type": "keyword", "doc_values": False} for name in long}},
    }
    index = {
        "number_of_shards": 1,
        "auto_expand_replicas": "0-1",
        "max_result_window": WINDOW,
        "max_regex_length": MAX_EXPRESSION,
    }
    return {"settings": {"index": index}, "mappings": {"dynamic": "strict", "properties": properties}}

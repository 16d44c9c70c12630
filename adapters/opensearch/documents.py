"""What an index is made like, and how a record is a document in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

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
from domain.model.collections import Collection, Field
from domain.model.records import Record

GRAM = 3  # characters in a row that are a term of the index; words that are shorter have terms of their own
STATE = "state"  # id of the document that tells how far the index is; those of records begin with another sign
_BULK_BYTES = 8 * 1024 * 1024  # of one call
_REFRESH = "30s"  # every search has it done; more often would make filling dear
_SHARDS = 1  # facets and scores are exact, and positions are behind the records before them

_FOLDED = ["ſ=>s", "µ=>μ", "ς=>σ", "ϐ=>β", "ϑ=>θ", "ϕ=>φ", "ϖ=>π", "ϰ=>κ", "ϱ=>ρ", "ϵ=>ε", "ẛ=>ṡ"]  # no capitals
_FOLDING = {"char_filter": ["folded"], "filter": ["lowercase"]}
_ANALYSIS = {
    "char_filter": {"folded": {"type": "mapping", "mappings": _FOLDED}},
    "tokenizer": {
        "grams": {"type": "ngram", "min_gram": GRAM, "max_gram": GRAM},
        "short": {"type": "ngram", "min_gram": 1, "max_gram": GRAM - 1},
    },
    "analyzer": {
        "grams": {"type": "custom", "tokenizer": "grams", **_FOLDING},
        "short": {"type": "custom", "tokenizer": "short", **_FOLDING},
        "whole": {"type": "custom", "tokenizer": "keyword", **_FOLDING},
    },
}
_WORDS = {
    "words": {"type": "text", "analyzer": "grams"},
    "short": {
        "type": "text",
        "analyzer": "short",
        "search_analyzer": "whole",
        "index_options": "docs",
        "norms": False,
    },
}
_NEWER = (
    "ctx._source.key != null && (ctx._source.updated_at > params.record.updated_at"
    " || ctx._source.updated_at == params.record.updated_at && ctx._source.revision > params.record.revision)"
)
_TAKE = f"if ({_NEWER}) {{ ctx.op = 'none' }} else {{ ctx._source = params.record }}"
_REACH = (
    "if (ctx._source.made != params.made) { ctx.op = 'none' }"
    " else { ctx._source.positions[params.origin] = params.through }"
)


class IndexState(msgspec.Struct, frozen=True):
    """The one document that is no record."""

    made: str  # another one each time the index is made
    rules: str  # that it was made by
    positions: dict[str, int | None]  # by log; None: some of its records are known to be missing

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be missing: it was filled to the end, and no log was let go since."""
        return bool(self.positions) and None not in self.positions.values()


def definition(collection: Collection, made: str, write_alias: str) -> Clause:
    """What an index is made with."""
    body = _rules(collection)
    body["mappings"]["_meta"] = {"persistence": rules_of(collection), "made": made}
    body["aliases"] = {write_alias: {}}
    return body


def rules_of(collection: Collection) -> str:
    """A word that is another one where indexes are made otherwise."""
    return hashlib.sha256(msgspec.json.encode(_rules(collection), order="deterministic")).hexdigest()[:16]


def id_of(key: str) -> str:
    """A record's document."""
    return f"={key}"


def taking(records: Sequence[Record], collection: Collection) -> Iterator[tuple[int, bytes]]:
    """Bodies of bulk calls, each with the place of its first record."""
    begin, lines, size = 0, list[bytes](), 0
    for place, record in enumerate(records):
        pair = _update(record, collection)
        if lines and size + len(pair) > _BULK_BYTES:
            yield begin, b"".join(lines)
            begin, lines, size = place, [], 0
        lines.append(pair)
        size += len(pair)
    if lines:
        yield begin, b"".join(lines)


def reaching(made: str, origin: str, through: int | None) -> Clause:
    """The update of the state: how far a log is in it, if it is still the index that it was."""
    return {"script": {"source": _REACH, "params": {"made": made, "origin": origin, "through": through}}}


def _update(record: Record, collection: Collection) -> bytes:
    script = {"source": _TAKE, "params": {"record": _document(record, collection)}}
    action = {"update": {"_id": id_of(record.key), "retry_on_conflict": 20}}
    change = {"scripted_upsert": True, "upsert": {}, "script": script}
    return b"%b\n%b\n" % (msgspec.json.encode(action), msgspec.json.encode(change))


def _document(record: Record, collection: Collection) -> Clause:
    document: Clause = {
        "key": record.key,
        "updated_at": micros(record.updated_at),
        "revision": record.revision,
        "deleted": record.deleted_at is not None,
    }
    if record.deleted_at is not None:
        return document
    values = dict(zip((field.name for field in collection.data_fields), record.values, strict=True))
    document |= {name: micros(moment) for name, moment in _times(record).items() if name in collection.by_name}
    document["values"] = {name: value for name, value in values.items() if value is not None}
    long = [(field, str(values[field.name])) for field in _long(collection) if values[field.name] is not None]
    document["heads"] = {field.name: text[:HEAD_CHARS] for field, text in long}
    document["digests"] = {field.name: digest_of(text) for field, text in long if is_cut(field, text)}
    return document


def _long(collection: Collection) -> list[Field]:
    return [field for field in collection.data_fields if is_long(field)]


def _times(record: Record) -> dict[str, datetime]:
    return {"created_at": record.created_at, "updated_at": record.updated_at}


def _rules(collection: Collection) -> Clause:
    properties: Clause = {
        "key": {"type": "keyword"},
        "created_at": {"type": "long"},
        "updated_at": {"type": "long"},
        "revision": {"type": "long", "index": False, "doc_values": False},
        "deleted": {"type": "boolean"},
        "values": {"properties": {field.name: _column(field) for field in collection.data_fields}},
        "heads": {"properties": {field.name: {"type": "keyword"} for field in _long(collection)}},
        "digests": {
            "properties": {field.name: {"type": "keyword", "doc_values": False} for field in _long(collection)}
        },
        **{name: {"type": "keyword", "index": False, "doc_values": False} for name in ("made", "rules")},
        "positions": {"type": "object", "enabled": False},
    }
    index = {"number_of_shards": _SHARDS, "auto_expand_replicas": "0-1", "analysis": _ANALYSIS}
    index |= {"max_regex_length": MAX_EXPRESSION, "refresh_interval": _REFRESH}
    return {"settings": {"index": index}, "mappings": {"dynamic": "strict", "properties": properties}}


def _column(field: Field) -> Clause:
    return {"type": column_type(field), **({"fields": _WORDS} if field.searchable else {})}

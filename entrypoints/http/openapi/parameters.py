"""The parameters of the operations."""

from __future__ import annotations

from domain.model.collections import Collection
from domain.model.query import MAX_CONDITIONS, MAX_PAGE_SIZE, CountMode, Operator
from domain.services.query_rules import REVISION, operators_of
from entrypoints.http.handlers.system import FLUSH_SECONDS, MAX_FLUSH_SECONDS
from entrypoints.http.list_parameters import MAX_DEPTH, PAGE_SIZE
from entrypoints.http.openapi.records import value_schema
from entrypoints.http.wire import Document

_FILTER = (
    f"`field=value` or `field__operator=value`, at most {MAX_CONDITIONS}, which must all hold. Operators: "
    f"{', '.join(Operator)} (`contains` and `prefix` for text only). `in`, `nin` and `between` take values separated "
    "by commas; a comma inside a value is written `\\,`. `isnull` takes `true` or `false`; times are RFC 3339 or bare "
    "dates."
)
_TAG = '(W/)?"[!#-~]*"'
_TAGS = f"^([*]|{_TAG}(, *{_TAG})*)$"


def query(name: str, schema: Document, description: str) -> Document:
    """A parameter of the query string."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def condition(name: str, description: str) -> Document:
    """A request header of entity tags."""
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", "pattern": _TAGS}}


ACK = query(
    "ack",
    {"type": "string", "enum": ["journaled"]},
    "When to answer; `accepted` and `stored` are not offered yet (501).",
)
ON_ERROR = query(
    "on_error",
    {"type": "string", "enum": ["stop", "continue"], "default": "stop"},
    "`continue` takes the good records of a batch and names the others in `errors`.",
)
IF_MATCH = condition(
    "If-Match", "Tags of the versions that may be changed, or `*`; otherwise 412 with the stored record."
)
IF_NONE_MATCH = condition("If-None-Match", "Tags of the versions that the caller has; 304 if one is still current.")
TIMEOUT = query(
    "timeout",
    {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_FLUSH_SECONDS, "default": FLUSH_SECONDS},
    "Seconds to wait.",
)


def path(name: str, collection: Collection | None) -> Document:
    """A word of the address; a record's id where it is the key of a collection."""
    field = collection.by_name.get(name) if collection else None
    schema: Document = value_schema(field) if field else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def list_parameters(collection: Collection) -> list[Document]:
    """What every list takes."""
    fields = list(collection.by_name)
    date = {"type": "string", "examples": ["2026-11-24"]}
    return [
        _filter(collection),
        query("from_date", date, "Created at this time or later."),
        query("to_date", date, "Created before this time; a bare date includes that day."),
        _words("sort_by", fields, "The fields to sort by; ties are broken by the key."),
        _words("order", ["asc", "desc"], "One direction for all fields of `sort_by`, or one each.", unique=False),
        _words("fields", [*fields, REVISION], "The fields to answer with; all by default.", unique=False),
        query(
            "page",
            {"type": "integer", "minimum": 1, "default": 1},
            f"`page` * `page_size` ends at {MAX_DEPTH}; go on by `cursor`.",
        ),
        query(
            "page_size",
            {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
            "How many records a page has at most.",
        ),
        query("cursor", {"type": "string"}, "`next_cursor` of the page before, with the same filter and sort."),
        query("count", {"type": "string", "enum": list(CountMode)}, "`estimated` by default, `none` with a cursor."),
        query(
            "consistency",
            {"type": "string", "enum": ["eventual", "strong"], "default": "eventual"},
            "`strong` also shows what is acknowledged and not stored yet.",
        ),
    ]


def _filter(collection: Collection) -> Document:
    by_operators: dict[tuple[str, ...], list[str]] = {}
    for field in collection.fields:
        by_operators.setdefault(operators_of(field), []).append(field.name)
    patterns = {f"^({'|'.join(names)})__({'|'.join(ops)})$": {"type": "string"} for ops, names in by_operators.items()}
    schema = {"type": "object", "patternProperties": patterns, "additionalProperties": False}
    properties = {field.name: _bare(value_schema(field)) for field in collection.fields}
    return {
        "name": "filter",
        "in": "query",
        "description": _FILTER,
        "style": "form",
        "explode": True,
        "schema": schema | {"properties": properties, "examples": [{"status__in": "pending,failed"}]},
    }


def _bare(schema: Document) -> Document:
    """A filter's value: an object is compared by its text, a time may be a bare date, and no text is too long."""
    if "enum" in schema or schema["type"] == "integer":
        return schema
    return {"type": "string"}


def _words(name: str, words: list[str], description: str, *, unique: bool = True) -> Document:
    schema = {"type": "array", "items": {"type": "string", "enum": words}, "minItems": 1} | (
        {"uniqueItems": True} if unique else {}
    )
    return query(name, schema, description) | {"style": "form", "explode": False}

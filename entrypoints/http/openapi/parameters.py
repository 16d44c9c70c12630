"""The parameters of the operations."""

from __future__ import annotations

from domain.model.acks import Ack
from domain.model.collections import Collection
from domain.model.idempotency import MAX_KEY_LENGTH
from domain.model.query import MAX_CONDITIONS, MAX_PAGE_SIZE, CountMode, Operator
from domain.services.query_rules import REVISION, operators_of
from entrypoints.http import idempotency
from entrypoints.http.acks import MAX_STORED_SECONDS, STORED_SECONDS
from entrypoints.http.handlers.dead_letters import OUTCOME_SECONDS, SWEEP_SIZE
from entrypoints.http.handlers.system import FLUSH_SECONDS, HOLD_SECONDS
from entrypoints.http.list_parameters import MAX_DEPTH, PAGE_SIZE
from entrypoints.http.openapi.records import value_schema
from entrypoints.http.parameters import MAX_SECONDS
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


def header(name: str, schema: Document, description: str, *, needed: bool = False) -> Document:
    """A request header."""
    found: Document = {"name": name, "in": "header", "description": description, "schema": schema}
    return found | ({"required": True} if needed else {})


CONSISTENCY = query(
    "consistency",
    {"type": "string", "enum": ["eventual", "strong"], "default": "eventual"},
    "`strong` also shows what is acknowledged and not stored yet.",
)
BYTES: Document = {"type": "string", "pattern": "^[0-9]{1,18}$"}
ACK = query(
    "ack",
    {"type": "string", "enum": [*Ack], "default": Ack.JOURNALED},
    "When to answer. `journaled`: it would survive a power loss. `stored`: it is in the backend (200, with a verdict "
    "for each record; 202 where that takes longer than `timeout`). `accepted`: it is on its way to the disk, and a "
    "crash may lose it.",
)
STORED_TIMEOUT = query(
    "timeout",
    {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_STORED_SECONDS, "default": STORED_SECONDS},
    "Seconds that `ack=stored` waits; only with it.",
)
IDEMPOTENCY_KEY: Document = {
    "name": idempotency.HEADER,
    "in": "header",
    "description": "Names this request for 24 hours: sent again with the same key and content, it does nothing twice, "
    f"and is answered as before, with `{idempotency.REPLAYED}: true`.",
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{MAX_KEY_LENGTH}}}$"},
}
ON_ERROR = query(
    "on_error",
    {"type": "string", "enum": ["stop", "continue"], "default": "stop"},
    "`continue` takes the good records of a batch and names the others in `errors`.",
)
IF_MATCH = condition(
    "If-Match", "Tags of the versions that may be changed, or `*`; otherwise 412 with the stored record."
)
IF_NONE_MATCH = condition("If-None-Match", "Tags of the versions that the caller has; 304 if one is still current.")
CACHE_CONTROL = {
    "name": "Cache-Control",
    "in": "header",
    "description": "`no-cache`: from the store, whatever is cached.",
    "schema": {"type": "string", "examples": ["no-cache"]},
}
IF_NONE_THERE = {
    "name": "If-None-Match",
    "in": "header",
    "description": "`*`: only where there is no such file yet; otherwise 412.",
    "schema": {"type": "string", "enum": ["*"]},
}
CONTENT_DIGEST = {
    "name": "Content-Digest",
    "in": "header",
    "description": "The SHA-256 of the content (RFC 9530); content that has another is refused (422).",
    "schema": {"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=:$"},
}
RANGE = {
    "name": "Range",
    "in": "header",
    "description": "One range of bytes, like `bytes=0-99`, `bytes=100-` or `bytes=-100`; 416 where there are none. "
    "Anything else is answered with the whole.",
    "schema": {"type": "string"},
}
IF_RANGE = {
    "name": "If-Range",
    "in": "header",
    "description": "The version that the range is of; another one is answered whole.",
    "schema": {"type": "string"},
}
TUS = header("Tus-Resumable", {"type": "string", "const": "1.0.0"}, "Needed: the version of the upload protocol.")
UPLOAD_LENGTH = header("Upload-Length", BYTES, "Bytes of the whole content.", needed=True)
UPLOAD_OFFSET = header("Upload-Offset", BYTES, "Where the upload is, and this piece begins.", needed=True)
UPLOAD_METADATA = header(
    "Upload-Metadata",
    {"type": "string"},
    "`key value` pairs with commas between them, values in base64: `file_id`, `filename`, `filetype`; others are kept "
    "as the file's metadata.",
)
UPLOAD_CHECKSUM = header(
    "Upload-Checksum",
    {"type": "string", "pattern": "^(sha1|sha256) [A-Za-z0-9+/]+={0,2}$"},
    "Of this piece; one that has another is refused whole (460).",
)
OVERRIDE = header("X-HTTP-Method-Override", {"type": "string", "enum": ["PATCH", "DELETE"]}, "Needed: what is meant.")
FILE_NAME = query("name", {"type": "string"}, "What the file is called where it is downloaded; by default its id.")
RECEIPT = query(
    "receipt",
    {"type": "string"},
    "Of a batch that any instance has taken: the answer waits up to two seconds until it shows what that was about. "
    "Only needed where instances share a buffer and another one was asked.",
)
TIMEOUT = query(
    "timeout",
    {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS, "default": FLUSH_SECONDS},
    "Seconds to wait.",
)
LETTERS = (
    query("collection", {"type": "string"}, "Only letters of this collection."),
    query("code", {"type": "string"}, "Only letters with this cause."),
    query("key", {"type": "string"}, "Only letters of this record."),
    query("before", {"type": "string", "examples": ["2026-11-24"]}, "Only letters that failed before this time."),
)
LETTER_PAGE = (
    query(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
        "How many letters a page has at most; large ones make it shorter.",
    ),
    query("cursor", {"type": "string"}, "`next_cursor` of the page before, with the same filter."),
)
SWEEP = (
    query("limit", {"type": "integer", "minimum": 1, "maximum": SWEEP_SIZE, "default": SWEEP_SIZE}, "Letters at most."),
    query(
        "cursor",
        {"type": "string"},
        "`next_cursor` of the answer before; pass its `before` on too, so that what is refused again waits.",
    ),
)
EVERYTHING = query(
    "all",
    {"type": "string", "enum": ["false", "true"], "default": "false"},
    "`true` instead of a filter: every letter.",
)
OUTCOME = query(
    "timeout",
    {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS, "default": OUTCOME_SECONDS},
    "Seconds to wait for what becomes of it.",
)
HELD = query("hold", {"type": "string"}, "The hold that is meant; 409 where it has ended.")
TOWARDS = query("towards", {"type": "string"}, "The name of the backend that the collection may turn to.")
FOLLOWED = query("follow", {"type": "string"}, "What was begun; without it, it begins. 409 where it has ended.")
HOLD_TIME = query(
    "seconds",
    {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS, "default": HOLD_SECONDS},
    "After which it ends by itself.",
)


def path(name: str, collection: Collection | None) -> Document:
    """A word of the address; a record's id where it is the key of a collection."""
    field = collection.by_name.get(name) if collection else None
    schema: Document = value_schema(field) if field else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def list_parameters(collection: Collection) -> list[Document]:
    """What every list takes."""
    fields = list(collection.by_name)
    return [
        *filter_parameters(collection),
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
        CONSISTENCY,
    ]


def filter_parameters(collection: Collection) -> list[Document]:
    """What says which records are meant."""
    date = {"type": "string", "examples": ["2026-11-24"]}
    return [
        _filter(collection),
        query("from_date", date, "Created at this time or later."),
        query("to_date", date, "Created before this time; a bare date includes that day."),
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

"""JSON Schemas of a declared collection: its records as they are sent, changed, answered and listed."""

from __future__ import annotations

from collections.abc import Sequence

from domain.model.collections import Collection, Field, FieldType
from domain.model.policies import MAX_BATCH_RECORDS, MAX_RECORD_BYTES
from domain.model.query import MAX_PAGE_SIZE, CountMode
from domain.services.query_rules import REVISION
from entrypoints.http.wire import Document

_NO_CONTROLS = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
_REVISION: Document = {"type": "string", "pattern": "^[0-9]+$", "description": "Greater is later; opaque."}


def names_of(collection: Collection) -> dict[str, str]:
    """The schema names of a collection, by their part."""
    noun = collection.noun.capitalize()
    return {"record": noun, "draft": f"{noun}Draft", "changes": f"{noun}Changes", "page": f"{noun}Page"} | {
        "selection": f"{noun}Selection",
        "batch": f"{noun}Batch",
        "new": f"New{noun}",
        "question": f"{noun}Query",
        "changes_batch": f"{noun}ChangesBatch",
        "changed": f"Changed{noun}",
    }


def schemas_of(
    collection: Collection, *, is_sent: bool = True, is_changed: bool = True, is_created: bool = False
) -> dict[str, Document]:
    """Every schema of a collection, by name.

    ``is_sent``: its records come in batches; ``is_created``: or one by one, and need not name their keys;
    ``is_changed``: some of their fields may be sent.
    """
    names = names_of(collection)
    found = _answered(collection, names) | (_taken(collection, names) if is_sent else {})
    if is_changed:
        found |= changes_of(collection, [field.name for field in collection.sent_fields])
        found[names["changes_batch"]] = _batch(collection, names["changes"], collection.key)
    if is_created:
        draft = found[names["draft"]]
        required = [name for name in draft["required"] if name != collection.key]
        found[names["new"]] = draft | {"required": required}
    return found


def _answered(collection: Collection, names: dict[str, str]) -> dict[str, Document]:
    answered = {field.name: _stored(field) for field in collection.fields} | {REVISION: _REVISION}
    always = [field.name for field in collection.fields if not field.sensitive]
    lacking = " Sensitive fields are absent without the scope `pii`." if len(always) < len(collection.fields) else ""
    return {
        names["record"]: _object(f"A {collection.noun} as it is stored.{lacking}", answered, [*always, REVISION]),
        names["selection"]: _object(f"A {collection.noun}, or the `fields` of it that were asked for.", answered, []),
        names["page"]: _page(names["selection"]),
    }


def _taken(collection: Collection, names: dict[str, str]) -> dict[str, Document]:
    sent = {field.name: _sent(field) for field in collection.sent_fields}
    required = [field.name for field in collection.fields if field.required]
    limit = f"A {collection.noun} as it is sent; at most {MAX_RECORD_BYTES} bytes."
    return {
        names["draft"]: _object(limit, sent, required),
        names["batch"]: _batch(collection, names["draft"]),
    }


def changes_of(collection: Collection, fields: Sequence[str]) -> dict[str, Document]:
    """The schemas of what may be changed of a record, and of the answer to that, by name."""
    changes = {name: _changed(collection.by_name[name]) for name in fields} | {collection.key: _KEY}
    names, times = names_of(collection), {"type": "string", "format": "date-time"}
    outline = {collection.key: _KEY, "created_at": times, "updated_at": times, REVISION: _REVISION}
    bare = _object("Which one it is, for who may write and not read.", outline, list(outline))
    return {
        names["changes"]: _object(_CHANGES, changes, []),
        names["changed"]: {"anyOf": [{"$ref": f"#/components/schemas/{names['record']}"}, bare]},
    }


def question_of(collection: Collection) -> dict[str, Document]:
    """The schema of a query in a body, by name."""
    names = [*collection.by_name]
    several = {"type": "array", "items": {"enum": [*names, REVISION]}}
    properties = {
        "filter": {"type": "object", "description": _TREE},
        "sort_by": {"type": "array", "uniqueItems": True, "items": {"enum": names}},
        "order": {"type": "array", "items": {"enum": ["asc", "desc"]}},
        "fields": several,
        "page": {"type": "integer", "minimum": 1},
        "page_size": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
        "cursor": {"type": "string"},
        "count": {"enum": [*CountMode]},
        "consistency": {"enum": ["eventual", "strong"]},
    }
    return {names_of(collection)["question"]: _object("A list by a tree of conditions.", properties, [])}


def value_schema(field: Field) -> Document:
    """What a value of a field may be, null left out."""
    match field.type:
        case FieldType.CHOICE:
            return {"type": "string", "enum": list(field.choices)}
        case FieldType.EMAIL:
            return {"type": "string", "maxLength": field.max_chars, "pattern": "^[^@\\s]+@[^@\\s]+$"}
        case FieldType.INTEGER | FieldType.LONG:
            return {"type": "integer", "minimum": field.minimum, "maximum": field.maximum}
        case FieldType.OBJECT:
            return {"type": "object", "description": f"At most {field.max_bytes} bytes; kept as it was sent."}
        case FieldType.INSTANT:
            return {"type": "string", "format": "date-time"}
        case FieldType.IDENTIFIER:
            return {"type": "string", "minLength": 1, "maxLength": field.max_chars, "pattern": _NO_CONTROLS}
        case FieldType.TEXT:
            schema: Document = {"type": "string", "maxLength": field.max_chars or field.max_bytes}
            return schema | ({"description": f"At most {field.max_bytes} bytes of UTF-8."} if field.max_bytes else {})


_TREE = (
    'Members must all hold: a field with its value, or with operators and values (`{"created_at": {"gte": ...}}`); '
    "`and` and `or` with an array of such objects; `not` with one."
)
_CHANGES = "A JSON merge patch (RFC 7396): what is absent stays, null clears a field to its default."
_KEY: Document = {"type": "string", "description": "Names the record; one that there is not is answered as such."}
_TIMES = {
    "created_at": "By default now; the earliest of all writes stays. Not before 1970, at most 6 fraction digits.",
    "updated_at": "By default now; of two writes the greater wins. At most 5 minutes ahead, 6 fraction digits.",
}


def _sent(field: Field) -> Document:
    schema = _nullable(value_schema(field)) if field.nullable else value_schema(field)
    if field.type is FieldType.INSTANT:
        return schema | {"description": _TIMES[field.name]}
    if field.required:
        return schema
    if field.type is FieldType.IDENTIFIER and not field.nullable:
        return schema | {"description": "By default one that is made: a UUID that sorts by the time of acceptance."}
    return schema | {"default": {} if field.type is FieldType.OBJECT else field.default}


def _changed(field: Field) -> Document:
    schema = value_schema(field)
    return schema if field.required else _nullable(schema)


def _stored(field: Field) -> Document:
    return _nullable(value_schema(field)) if field.nullable else value_schema(field)


def _nullable(schema: Document) -> Document:
    nullable = schema | {"type": [schema["type"], "null"]}
    return nullable | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def _object(description: str, properties: Document, required: list[str]) -> Document:
    schema: Document = {"type": "object", "description": description, "properties": properties}
    return schema | ({"required": required} if required else {}) | {"additionalProperties": False}


def _batch(collection: Collection, item: str, *required: str) -> Document:
    schema: Document = {"$ref": f"#/components/schemas/{item}"}
    if required:
        schema |= {"required": list(required)}
    items = {"type": "array", "minItems": 1, "maxItems": MAX_BATCH_RECORDS, "items": schema}
    return _object("One member, the array of records.", {collection.envelope: items}, [collection.envelope])


def _page(item: str) -> Document:
    properties: Document = {
        "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{item}"}},
        "page": {"type": ["integer", "null"], "minimum": 1, "description": "Null where a cursor led here."},
        "page_size": {"type": "integer", "minimum": 1},
        "total": {"type": ["integer", "null"], "minimum": 0, "description": "Null with `count=none`."},
        "total_exact": {"type": "boolean", "description": "Absent without a total."},
        "next_cursor": {"type": ["string", "null"], "description": "Null at the end."},
    }
    return _object("One page of a list.", properties, [name for name in properties if name != "total_exact"])

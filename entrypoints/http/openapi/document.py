"""Puts the OpenAPI document together."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import msgspec

from domain.errors import ForeignOrigin, MissingScope, PersistenceError, Unauthenticated
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.model.files import CHANGEABLE, FILES
from domain.model.translation import SESSIONS, TASKS
from domain.services.caching import Outcome
from entrypoints.http.answers import CACHED
from entrypoints.http.errors import PROBLEM, kinds, status_of, title_of
from entrypoints.http.handlers import lists, records
from entrypoints.http.idempotency import REPLAYED
from entrypoints.http.link_request import LinkToGet, LinkToPut
from entrypoints.http.media import JSON, NDJSON, OCTETS
from entrypoints.http.openapi import keys, parameters, shapes
from entrypoints.http.openapi.operation import ANY, Handler, Operation, Problems, Schema
from entrypoints.http.openapi.operations import OPERATIONS
from entrypoints.http.openapi.problems import example_of
from entrypoints.http.openapi.records import changes_of, names_of, question_of, schemas_of
from entrypoints.http.pages import HTML
from entrypoints.http.route import Route
from entrypoints.http.routes import ROUTES
from entrypoints.http.wire import Document

_COLLECTIONS = {collection.name: collection for collection in BUILT_IN}
_BATCHED = (records.accept, records.replace_many)
_SENT = {route.collection for route in ROUTES if route.handler in _BATCHED}  # whose records come in batches
_CHANGED = {route.collection for route in ROUTES if route.handler is records.patch_many}
_ASKED = {route.collection for route in ROUTES if route.handler is lists.query}
_CREATED = {route.collection for route in ROUTES if route.handler is records.create}
_REF = "#/components/schemas/{name}"
_BINARY = {"type": "string", "contentMediaType": OCTETS}
_FORM = {
    "type": "object",
    "properties": {
        "file_id": {"type": "string", "description": "By default a new one."},
        "name": {"type": "string", "description": "By default that of the part `file`."},
        "metadata": {"type": "string", "description": "A JSON object."},
        "file": _BINARY,
    },
    "required": ["file"],
    "additionalProperties": False,
    "description": "The part `file` comes last; its type is that of the part.",
}
_FREE: dict[str, Document] = {
    "text": {"type": "string"},
    "object": {"type": "object"},
    "binary": _BINARY,
    "form": _FORM,
}
_EXAMPLES: dict[str, Document] = msgspec.json.decode(Path(__file__).with_name("examples.json").read_bytes())
_DESCRIPTION = """\
Durable in milliseconds, written in bulk, nothing lost. A batch is acknowledged with `202` when it would survive a power
loss; its receipt tells what became of it. Errors are problem documents (RFC 9457) with a stable `code` and a cure. An
unknown parameter, field or operator is an error that names it. Every GET also answers HEAD; bodies may be gzip. Where
`auth.mode` asks for keys, an operation needs the scope that its `security` names, for its collection or bare."""
_TAGS = {
    "records": "Batches in, single records and lists out.",
    "recovery": "Interrupted sessions, and how to go on with them.",
    "files": "Content of any type and size, its ranges, and what is known of it.",
    "receipts": "What became of an acknowledged batch.",
    "dead letters": "Records that a backend refused: repair and replay them, or purge them.",
    "keys": "Who is let in.",
    "system": "The service about itself.",
    "about": "Probes, metrics, problems explained.",
}
_HEADERS: dict[str, Document] = {
    "Location": {"description": "Where the receipt, or the file, is.", "schema": {"type": "string"}},
    "ETag": {"description": "The version answered with, for `If-Match`.", "schema": {"type": "string"}},
    "X-Cache": {
        "description": "`hit`: the store was not asked. `miss`: it was. `bypass`: it was, without a look into a cache.",
        "schema": {"type": "string", "enum": [*Outcome]},
    },
    "Content-Disposition": {"description": "What the file is called.", "schema": {"type": "string"}},
    "Repr-Digest": {"description": "The SHA-256 of the whole file (RFC 9530).", "schema": {"type": "string"}},
    "Link": {"description": 'The next page, `rel="next"`.', "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until a retry makes sense.", "schema": {"type": "integer", "minimum": 1}},
    REPLAYED: {
        "description": "The request was carried out before, under the same key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Tus-Resumable": {"description": "The version of the upload protocol.", "schema": {"type": "string"}},
    "Tus-Version": {"description": "The versions that are spoken.", "schema": {"type": "string"}},
    "Upload-Offset": {"description": "How many bytes are durable.", "schema": {"type": "string"}},
    "Upload-Length": {"description": "How many there will be.", "schema": {"type": "string"}},
    "Upload-Expires": {"description": "When it is forgotten, if nothing more comes.", "schema": {"type": "string"}},
    "Content-Location": {"description": "The file that it has become.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "How to authenticate (RFC 6750).", "schema": {"type": "string"}},
    "X-Request-Id": {"description": "The caller's own, or a new one.", "schema": {"type": "string"}},
}


@functools.cache
def document(version: str) -> Document:
    """The whole description of one release."""
    paths: dict[str, Document] = {}
    for route in ROUTES:
        if route.handler in OPERATIONS:
            paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Persistence Service",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "examples": _problem_examples(),
            "headers": _HEADERS,
            "responses": {str(status): _refusal(status, kinds) for status, kinds in _SAME.items()},
            "securitySchemes": keys.SCHEMES,
        },
    }


def operation_id(route: Route) -> str:
    """The operation's name: the function's, made unique by its collection or module."""
    name, module = route.handler.__name__, route.handler.__module__.rpartition(".")[2]
    if route.handler.__module__ in (records.__name__, lists.__name__) and route.collection is not None:
        return f"{name}_{_COLLECTIONS[route.collection].envelope}"
    return name if route.collection or name == module else f"{module}_{name}"


def _operation(route: Route) -> Document:
    row, collection, name = OPERATIONS[route.handler], _collection(route), operation_id(route)
    example = _EXAMPLES.get(name, {})
    answers = {str(row.status): _answer(row, collection, example)}
    if row.accepted:
        answers["202"] = answers[str(row.status)] | {"description": "Taken, and not done yet: see its receipt."}
    for status, schema in row.also.items():
        answers[str(status)] = _answer(
            msgspec.structs.replace(row, answer=schema), collection, _EXAMPLES.get(f"{name}_{status}", {})
        )
    if row.unchanged:
        answers["304"] = {"description": "The caller's copy is current.", "headers": _headers("ETag")}
    found: Document = {
        "operationId": name,
        "tags": [row.tag],
        "summary": _summary(route.handler),
        "parameters": [*_places(route, collection), *_parameters(row, collection)],
    }
    if row.bodies:
        found["requestBody"] = _body(row, collection, example)
    if row.optional_body:
        content = {
            JSON: {"schema": _FREE[row.optional_body]} | ({"example": example["body"]} if "body" in example else {})
        }
        found["requestBody"] = {"required": False, "content": content}
    found["security"] = keys.security(route)
    return found | {"responses": dict(sorted((answers | _refusals(_problems(route))).items()))}


def _problems(route: Route) -> Problems:
    return (*ANY, *keys.refusals(route), *OPERATIONS[route.handler].problems)


def _collection(route: Route) -> Collection | None:
    return _COLLECTIONS[route.collection] if route.collection else None


def _summary(handler: Handler) -> str:
    return (handler.__doc__ or "").strip().splitlines()[0].rstrip(".")


def _places(route: Route, collection: Collection | None) -> list[Document]:
    names = [part[1:-1] for part in route.template.split("/") if part.startswith("{")]
    return [parameters.path(name, collection) for name in names]


def _parameters(row: Operation, collection: Collection | None) -> list[Document]:
    named: list[Document] = []
    if collection and (row.list or row.filter):
        named = (parameters.list_parameters if row.list else parameters.filter_parameters)(collection)
    return [*named, *row.parameters, *([parameters.CACHE_CONTROL] if row.cached else [])]


def _body(row: Operation, collection: Collection | None, example: Document) -> Document:
    content = {}
    for media, part in row.bodies.items():
        content[media] = {"schema": _schema(part, collection)}
        if "body" in example and media != NDJSON:
            content[media]["example"] = example["body"]
    text = "NDJSON: one record a line, of any number." if NDJSON in content else ""
    return {"required": True, "content": content} | ({"description": text} if text else {})


def _answer(row: Operation, collection: Collection | None, example: Document) -> Document:
    answer: Document = {
        "description": "Done.",
        "headers": _headers("X-Request-Id", *row.headers, *([CACHED] if row.cached else [])),
    }
    if row.answer is None:
        return answer
    content: Document = {"schema": _schema(row.answer, collection)}
    if "answer" in example:
        content["example"] = example["answer"]
    page = {HTML: {"schema": _FREE["text"]}} if row.page else {}
    return answer | {"content": {row.media: content} | page}


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _schema(schema: Schema, collection: Collection | None) -> Document:
    if not isinstance(schema, str):
        return {"$ref": _REF.format(name=schema.__name__)}
    if schema in _FREE:
        return _FREE[schema]
    names = names_of(collection) if collection else {}
    return {"$ref": _REF.format(name=names.get(schema) or _SPECIAL[schema])}


def _refusals(problems: Problems) -> dict[str, Document]:
    by_status: dict[int, list[type[PersistenceError]]] = {}
    for kind in dict.fromkeys(problems):
        by_status.setdefault(status_of(kind), []).append(kind)
    return {
        str(status): {"$ref": f"#/components/responses/{status}"} if status in _SAME else _refusal(status, kinds)
        for status, kinds in by_status.items()
    }


def _refusal(status: int, kinds: Iterable[type[PersistenceError]]) -> Document:
    codes = [kind.code for kind in kinds]
    schema = {
        "allOf": [{"$ref": _REF.format(name="Problem")}],
        "properties": {"code": {"enum": codes}, "status": {"const": status}},
    }
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {
        "description": " ".join(f"`{kind.code}`: {title_of(kind)}." for kind in kinds),
        "headers": _headers("X-Request-Id", *_MORE.get(status, ())),
        "content": {PROBLEM: {"schema": schema, "examples": examples}},
    }


_SAME: dict[int, tuple[type[PersistenceError], ...]] = {  # wherever they are answered
    401: (Unauthenticated,),
    403: (MissingScope, ForeignOrigin),
}
_MORE = dict.fromkeys((409, 429, 503), ("Retry-After",)) | dict.fromkeys((401, 403), ("WWW-Authenticate",))
_SPECIAL = {"detail": "SessionDetail", "restored": "Restored", "link": "LinkWanted"}


def _schemas() -> dict[str, Document]:
    found: dict[str, Document] = {}
    for collection in BUILT_IN:
        name = collection.name
        if name in _ASKED:
            found |= question_of(collection)
        found |= schemas_of(collection, is_sent=name in _SENT, is_changed=name in _CHANGED, is_created=name in _CREATED)
    found |= changes_of(FILES, CHANGEABLE)
    answered = [schema for row in OPERATIONS.values() for schema in (row.answer, *row.also.values())]
    answered += [part for row in OPERATIONS.values() for part in row.bodies.values()]
    types = [*{schema: None for schema in answered if isinstance(schema, type)}, shapes.Problem]
    types += [shapes.Progress, LinkToGet, LinkToPut]
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    wanted = {"oneOf": [{"$ref": _REF.format(name=kind.__name__)} for kind in (LinkToGet, LinkToPut)]}
    return found | _translation(found) | components | {_SPECIAL["link"]: wanted}


def _translation(found: dict[str, Document]) -> dict[str, Document]:
    session, task = names_of(SESSIONS)["record"], names_of(TASKS)["record"]
    progress = {"$ref": _REF.format(name=shapes.Progress.__name__)}
    whole = found[session]
    restored = {
        "session": {"$ref": _REF.format(name=session)},
        "statistics": progress,
        "restored_at": {"type": "string", "format": "date-time"},
        "lease": {"type": "null", "description": "Not given by this release."},
        "tasks": {"type": "array", "items": {"$ref": _REF.format(name=task)}, "description": "All unfinished ones."},
    }
    return {
        _SPECIAL["detail"]: whole
        | {"description": "A session, and how far its tasks are: who may read it sees these numbers, too."}
        | {"properties": whole["properties"] | {"tasks": progress}, "required": [*whole["required"], "tasks"]},
        _SPECIAL["restored"]: {
            "type": "object",
            "description": "Everything that a crashed client needs to go on.",
            "properties": restored,
            "required": list(restored),
            "additionalProperties": False,
        },
    }


def _problem_examples() -> dict[str, Document]:
    used = {kind.code for route in ROUTES if route.handler in OPERATIONS for kind in _problems(route)}
    return {kind.code: {"summary": title_of(kind), "value": example_of(kind)} for kind in kinds() if kind.code in used}

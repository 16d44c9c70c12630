from __future__ import annotations

import json
import re

from domain.errors import PersistenceError
from domain.model.translation import SESSIONS, TASKS
from entrypoints.http.errors import kinds
from entrypoints.http.openapi.document import document, operation_id
from entrypoints.http.openapi.operations import OPERATIONS
from entrypoints.http.openapi.records import names_of
from entrypoints.http.routes import ROUTES
from entrypoints.version import VERSION
from tests.architecture.house import ROOT

FOUND = json.loads(json.dumps(document(VERSION)))
PAGES = {"/docs/{file}"}  # what the page itself is made of


def operations():
    return [operation for methods in FOUND["paths"].values() for operation in methods.values()]


def test_the_description_is_the_one_that_was_agreed_on():
    agreed = json.loads((ROOT / "ops" / "openapi.json").read_bytes())
    assert agreed == FOUND, "`make openapi` renews the snapshot; look at the difference before you commit it"


def test_every_route_is_described():
    left_out = {route.template for route in ROUTES if route.handler not in OPERATIONS}
    assert left_out == PAGES
    assert {route.handler for route in ROUTES} >= set(OPERATIONS)


def test_operations_have_names_of_their_own_and_say_what_they_do():
    names = [operation["operationId"] for operation in operations()]
    assert len(names) == len(set(names)) == len([route for route in ROUTES if route.handler in OPERATIONS])
    assert all(operation["summary"] for operation in operations())
    assert operation_id(ROUTES[0]) == "accept_sessions"


def test_every_reference_leads_somewhere():
    targets = set(re.findall(r'"\$ref": "#/components/(\w+/\w+)"', json.dumps(FOUND)))
    assert len(targets) > 30
    for target in targets:
        kind, name = target.split("/")
        assert name in FOUND["components"][kind], target


def test_every_schema_is_used():
    text = json.dumps(FOUND)
    assert [name for name in FOUND["components"]["schemas"] if f'schemas/{name}"' not in text] == []


def test_records_have_the_declared_fields_and_limits():
    for collection in (SESSIONS, TASKS):
        names = names_of(collection)
        draft, record = (FOUND["components"]["schemas"][names[part]] for part in ("draft", "record"))
        assert draft["required"] == [field.name for field in collection.fields if field.required]
        assert record["required"] == [*collection.by_name, "revision"]
        assert draft["properties"]["status"]["enum"] == list(collection.by_name["status"].choices)
        assert draft["properties"]["source_lang"]["maxLength"] == 35


def test_problem_codes_are_those_of_the_error_tree():
    known = {kind.code for kind in kinds()}
    used = set(re.findall(r"#/components/examples/(\w+)", json.dumps(FOUND)))
    assert used <= known
    assert PersistenceError.code in used


def test_bodies_and_answers_have_examples():
    bare = [
        operation["operationId"]
        for operation in operations()
        for content in operation["responses"][min(operation["responses"])].get("content", {}).items()
        if content[0] == "application/json" and "example" not in content[1]
    ]
    assert bare == ["probes_root", "documents_openapi"]  # those grow with every address

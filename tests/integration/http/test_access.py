"""The door: who is let in, and to what, before anything of a body is read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.errors import Unauthenticated
from domain.model.access import Principal, PrincipalKind
from domain.model.observations import RequestServed
from domain.services.access import Access
from tests.integration.http.running import API, Running, running, task

KEYS = {
    "ps_reader.1": frozenset({"read"}),
    "ps_writer.1": frozenset({"write:translation_tasks"}),
    "ps_tasks.1": frozenset({"read:translation_tasks"}),
    "ps_admin.1": frozenset({"admin"}),
}
TASKS, SESSIONS = f"{API}/tasks", f"{API}/sessions"


class Ring:
    """The keys of this test."""

    def knows(self, credential: str) -> bool:
        return credential.startswith("ps_")

    async def principal(self, credential: str) -> Principal:
        if credential not in KEYS:
            raise Unauthenticated
        return Principal(kind=PrincipalKind.KEY, id=credential[3:-2], scopes=KEYS[credential])


def guarding() -> Access:
    """A door that knows these keys."""
    return Access([Ring()])


@pytest.fixture
async def guarded() -> AsyncIterator[Running]:
    async with running(access=guarding()) as service:
        yield service


def shown(key: str) -> dict[str, str]:
    return {"X-API-Key": key}


async def test_without_a_credential_only_the_two_probes_are_answered(guarded: Running) -> None:
    for path in ("/health/live", "/health/ready"):
        assert (await guarded.get(path))[0] == 200
    for path in ("/", "/metrics", "/docs", "/openapi.json", "/problems/not_found", TASKS, "/api/v1/system/health"):
        status, body, response = await guarded.get(path)
        assert (status, body["code"]) == (401, "unauthenticated")
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="persistence"'


async def test_an_unknown_address_answers_a_stranger_like_a_known_one(guarded: Running) -> None:
    _, known, one = await guarded.get(TASKS)
    _, unknown, other = await guarded.get("/api/v1/secret-plans")
    _, method, _ = await guarded.ask("PUT", TASKS)
    for body in (known, unknown, method):
        del body["request_id"], body["instance"]
    assert known == unknown == method
    assert one.headers.keys() == other.headers.keys()
    assert (await guarded.get("/api/v1/secret-plans", headers=shown("ps_reader.1")))[0] == 404


async def test_who_is_refused_is_told_before_their_body_is_read(guarded: Running) -> None:
    head = (
        f"POST {TASKS}/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n"
    )
    answer = await guarded.raw(head.encode() + b'{"tasks": [')
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "ps_nobody.1"},
        {"X-API-Key": "reader"},
        {"X-API-Key": ""},
        {"Authorization": "Basic cHNfcmVhZGVyLjE6"},
        {"Authorization": "ps_reader.1"},
        {"Authorization": "Bearer ps_reader.1", "X-API-Key": "ps_reader.1"},
        {"Cookie": "X-API-Key=ps_reader.1; api_key=ps_reader.1"},
    ],
    ids=str,
)
async def test_what_is_no_credential_lets_nobody_in(guarded: Running, headers: dict[str, str]) -> None:
    assert (await guarded.get(TASKS, headers=headers))[0] == 401


async def test_a_key_is_also_taken_as_a_bearer_token(guarded: Running) -> None:
    assert (await guarded.get(TASKS, headers={"Authorization": "bearer ps_reader.1"}))[0] == 200


@pytest.mark.parametrize("query", ["api_key=ps_reader.1", "access_token=x", "status=pending&note=ps_reader%2E1"])
async def test_a_key_in_the_address_is_an_error_that_does_not_repeat_it(guarded: Running, query: str) -> None:
    for headers in ({}, shown("ps_reader.1")):
        status, body, _ = await guarded.get(f"{TASKS}?{query}", headers=headers)
        assert (status, body["code"]) == (400, "credential_in_address")
        assert b"reader" not in guarded.last


async def test_a_scope_for_one_collection_opens_that_one_alone(guarded: Running) -> None:
    assert (await guarded.get(TASKS, headers=shown("ps_tasks.1")))[0] == 200
    status, body, response = await guarded.get(SESSIONS, headers=shown("ps_tasks.1"))
    assert (status, body["code"], body["scope"]) == (403, "missing_scope", "read:translation_sessions")
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


async def test_reading_writing_and_ruling_are_three_rights(guarded: Running) -> None:
    answers = {}
    for key in ("reader", "writer", "admin"):
        head = shown(f"ps_{key}.1")
        written = await guarded.ask("POST", f"{TASKS}/batch", json={"tasks": [task()]}, headers=head)
        read = await guarded.get(TASKS, headers=head)
        ruled = await guarded.get("/api/v1/system/info", headers=head)
        answers[key] = (written[0], read[0], ruled[0])
    assert answers == {"reader": (403, 200, 403), "writer": (202, 403, 403), "admin": (403, 403, 200)}


async def test_a_restore_needs_both_collections_that_it_shows(guarded: Running) -> None:
    _, body, _ = await guarded.ask("POST", f"{API}/recovery/restore/s1", headers=shown("ps_tasks.1"))
    assert body["scope"] == "read:translation_sessions"


async def test_a_request_is_logged_with_who_asked(guarded: Running) -> None:
    await guarded.get(TASKS, headers=shown("ps_reader.1"))
    await guarded.get(TASKS)
    served = guarded.observed.of(RequestServed)
    assert [(each.principal, each.endpoint, each.status) for each in served] == [
        ("key:reader", TASKS, 200),
        (None, TASKS, 401),
    ]


async def test_one_caller_cannot_take_the_idempotency_key_of_another(guarded: Running) -> None:
    KEYS["ps_second.1"] = KEYS["ps_writer.1"]
    sent = {"Idempotency-Key": "once"}
    first = await guarded.ask("POST", f"{TASKS}/batch", json={"tasks": [task()]}, headers=sent | shown("ps_writer.1"))
    again = await guarded.ask("POST", f"{TASKS}/batch", json={"tasks": [task()]}, headers=sent | shown("ps_writer.1"))
    other = await guarded.ask("POST", f"{TASKS}/batch", json={"tasks": []}, headers=sent | shown("ps_second.1"))
    assert first[1]["receipt"] == again[1]["receipt"]
    assert other[1]["code"] == "invalid_records"  # judged by itself: not the other's request with another body

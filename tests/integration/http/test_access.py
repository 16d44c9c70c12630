"""The door: who is let in, and to what, before anything of a body is read."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from domain.model.observations import RecordsAccepted, RequestServed
from tests.integration.http.running import API, Running, running, session, task

TASKS, SESSIONS = f"{API}/tasks", f"{API}/sessions"
SECONDS = 30.0  # far above what anything here takes; only a hang comes near


@pytest.fixture
async def guarded() -> AsyncIterator[Running]:
    async with running(auth="keys") as service:
        yield service


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
        del body["request_id"], body["trace_id"], body["instance"]
    assert known == unknown == method
    assert one.headers.keys() == other.headers.keys()
    assert (await guarded.get("/api/v1/secret-plans", headers=await guarded.key("read")))[0] == 404


async def test_who_is_refused_is_told_before_their_body_is_read(guarded: Running) -> None:
    head = (
        f"POST {TASKS}/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n"
    )
    answer = await guarded.raw(head.encode() + b'{"tasks": [')
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in answer.lower()


def expecting(key: str = "", size: int = 2, line: str = f"POST {TASKS}/batch", word: str = "100-continue") -> bytes:
    """The head of a batch whose body waits for a word."""
    head = f"{line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: {word}\r\n"
    return f"{head}Content-Length: {size}\r\n{key}\r\n".encode()


ELSEWHERE = ("POST /api/v1/secret-plans", f"PUT {TASKS}", "POST /api/v1/system/keys")


@pytest.mark.parametrize("line", [f"POST {TASKS}/batch", *ELSEWHERE])
async def test_a_stranger_who_waits_for_a_word_learns_of_no_address_by_it(guarded: Running, line: str) -> None:
    for word in ("100-continue", "200-something"):
        answer = await guarded.raw(expecting(line=line, word=word))
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"401"]
    assert [seen.status for seen in guarded.observed.of(RequestServed)] == [401, 401]


async def test_who_waits_for_a_word_in_vain_hears_why_first(guarded: Running) -> None:
    key = f"X-API-Key: {(await guarded.key('write'))['X-API-Key']}\r\n"
    for asked, status in (
        (expecting(key, line="POST /nowhere"), b"404"),
        (expecting(key, line=f"PUT {TASKS}"), b"405"),
        (expecting(key, size=999_999_999), b"413"),
        (expecting(key, line="POST /nowhere", word="200-something"), b"400"),
    ):
        answer = await guarded.raw(asked)
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [status]
        assert (b"\r\nAllow: GET, HEAD\r\n" in answer) == (status == b"405")


async def test_who_waits_for_a_word_before_the_body_hears_of_the_refusal_first(guarded: Running) -> None:
    key = (await guarded.key("read"))["X-API-Key"]
    for shown, status in (("", b"401"), (f"X-API-Key: {key}\r\n", b"403")):
        answer = await guarded.raw(expecting(shown))
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [status]
        assert b"connection: close" in answer.lower()


async def test_who_waits_for_a_word_and_is_let_in_hears_it_before_the_answer(guarded: Running) -> None:
    key, body = (await guarded.key("write"))["X-API-Key"], json.dumps({"tasks": [task()]}).encode()
    async with guarded.connection() as (reader, writer), asyncio.timeout(10):
        for _ in range(2):  # on one connection
            writer.write(expecting(f"X-API-Key: {key}\r\n", len(body)))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            assert (await reader.readuntil(b"}\n")).startswith(b"HTTP/1.1 202 ")


FORMS = {
    "another secret": lambda key: {"X-API-Key": key[:-43] + "A" * 43},
    "one character less": lambda key: {"X-API-Key": key[:-1]},
    "another last character": lambda key: {"X-API-Key": key[:-1] + ("A" if key[-1] != "A" else "B")},
    "another first character": lambda key: {
        "X-API-Key": key.replace(".A", ".B") if ".A" in key else key[:20] + "A" + key[21:]
    },
    "an id of nobody": lambda key: {"X-API-Key": f"ps_{'a' * 16}.{key[-43:]}"},
    "the secret alone": lambda key: {"X-API-Key": key[-43:]},
    "nothing": lambda _: {"X-API-Key": ""},
    "a password": lambda key: {"Authorization": "Basic " + base64.b64encode(f"key:{key}".encode()).decode()},
    "no scheme": lambda key: {"Authorization": key},
    "two credentials": lambda key: {"Authorization": f"Bearer {key[:-1]}-", "X-API-Key": key},
    "a cookie": lambda key: {"Cookie": f"X-API-Key={key}; api_key={key}"},
}


@pytest.mark.parametrize("form", FORMS)
async def test_what_is_no_credential_lets_nobody_in(guarded: Running, form: str) -> None:
    key = (await guarded.key("read"))["X-API-Key"]
    status, body, _ = await guarded.get(TASKS, headers=FORMS[form](key))
    assert (status, body["detail"]) == (401, "The request has no valid credential.")
    assert all(word in body["cure"] for word in ("`X-API-Key`", "a token of an issuer", "`Authorization`"))


async def test_a_key_is_also_taken_as_a_bearer_token(guarded: Running) -> None:
    key = (await guarded.key("read"))["X-API-Key"]
    assert (await guarded.get(TASKS, headers={"Authorization": f"bearer {key}"}))[0] == 200
    assert (await guarded.get(TASKS, headers={"Authorization": f"Bearer {key}", "X-API-Key": key}))[0] == 200


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
TOLD_IN_ADDRESS = [
    "api_key=x",
    "access_token=x",
    "token=x",
    "id_token=x",
    "status=pending&jwt=x",
    "Authorization=Bearer%20x",
    "status=pending&user_id={key}",
    "user_id={coded}",
    f"user_id={TOKEN}",
    f"user_id=Bearer%20{TOKEN.replace('.', '%2e')}",
]


@pytest.mark.parametrize("query", TOLD_IN_ADDRESS)
async def test_a_key_in_the_address_is_an_error_that_nothing_repeats(guarded: Running, query: str) -> None:
    head = await guarded.key("read")
    key = head["X-API-Key"]
    for headers in ({}, head):
        asked = query.format(key=key, coded=key.replace(".", "%2E").replace("_", "%5f"))
        status, body, _ = await guarded.get(URL(f"{TASKS}?{asked}", encoded=True), headers=headers)
        assert (status, body["code"]) == (400, "credential_in_address")
        assert not any(secret.encode() in guarded.last for secret in (key[3:19], TOKEN[:20]))
        await guarded.get(URL(f"/api/v1/logs/export?{asked}", encoded=True), headers=headers)  # which is told of
    assert (await guarded.get(f"{SESSIONS}/{key}", headers=head))[0] == 400
    assert (await guarded.get(f"{SESSIONS}/{TOKEN}", headers=head))[0] == 400
    assert not any(secret in str(guarded.observed.seen) for secret in (key[3:19] + ".", TOKEN[:20]))


async def test_what_only_looks_like_a_token_is_a_word_like_others(guarded: Running) -> None:
    for word in ("monkeyJungle.v1.tar.gz", "eyJhbGciOiJIUzI1NiJ9", "token=x"):
        assert (await guarded.get(URL(f"{TASKS}/{word}"), headers=await guarded.key("read")))[0] == 404


async def test_a_scope_for_one_collection_opens_that_one_alone(guarded: Running) -> None:
    assert (await guarded.get(TASKS, headers=await guarded.key("read:translation_tasks")))[0] == 200
    status, body, response = await guarded.get(SESSIONS, headers=await guarded.key("read:translation_tasks"))
    assert (status, body["code"], body["scope"]) == (403, "missing_scope", "read:translation_sessions")
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


async def test_how_far_a_session_is_belongs_to_it_and_nothing_else_of_its_tasks_does(guarded: Running) -> None:
    writer, reader = await guarded.key("write"), await guarded.key("read:translation_sessions")
    await guarded.ask("POST", f"{SESSIONS}/batch", json={"sessions": [session()]}, headers=writer)
    await guarded.ask("POST", f"{TASKS}/batch?ack=stored", json={"tasks": [task(source_text="hidden")]}, headers=writer)
    status, body, _ = await guarded.get(f"{SESSIONS}/s1", headers=reader)
    assert (status, body["tasks"]["counts"]["pending"], b"hidden" in guarded.last) == (200, 1, False)
    for method, path in (
        ("GET", f"{SESSIONS}/s1/tasks"),
        ("GET", f"{TASKS}/t1"),
        ("POST", f"{API}/recovery/restore/s1"),
    ):
        _, refused, _ = await guarded.ask(method, path, headers=reader)
        assert refused["scope"] == "read:translation_tasks"


async def test_reading_writing_and_ruling_are_three_rights(guarded: Running) -> None:
    answers = {}
    for scope in ("read", "write:translation_tasks", "admin"):
        head = await guarded.key(scope)
        written = await guarded.ask("POST", f"{TASKS}/batch", json={"tasks": [task()]}, headers=head)
        read = await guarded.get(TASKS, headers=head)
        ruled = await guarded.get("/api/v1/system/info", headers=head)
        answers[scope] = (written[0], read[0], ruled[0])
    assert answers == {"read": (403, 200, 403), "write:translation_tasks": (202, 403, 403), "admin": (403, 403, 200)}


async def test_a_restore_needs_both_collections_that_it_shows(guarded: Running) -> None:
    _, body, _ = await guarded.ask(
        "POST", f"{API}/recovery/restore/s1", headers=await guarded.key("read:translation_tasks")
    )
    assert body["scope"] == "read:translation_sessions"


async def test_a_request_is_logged_with_who_asked(guarded: Running) -> None:
    head = await guarded.key("read")
    await guarded.get(TASKS, headers=head)
    await guarded.get(TASKS)
    served = guarded.observed.of(RequestServed)
    assert [(each.principal, each.endpoint, each.status) for each in served] == [
        (f"key:{head['X-API-Key'][3:19]}", TASKS, 200),
        (None, TASKS, 401),
    ]


async def test_one_caller_cannot_take_the_idempotency_key_of_another(guarded: Running) -> None:
    one, other = await guarded.key("write"), await guarded.key("write")

    async def sent(head: dict[str, str], *tasks: object) -> Any:
        headers = head | {"Idempotency-Key": "once"}
        return (await guarded.ask("POST", f"{TASKS}/batch", json={"tasks": tasks}, headers=headers))[1]

    first, again = await sent(one, task()), await sent(one, task())
    assert first["receipt"] == again["receipt"]
    assert (await sent(other))["code"] == "invalid_records"  # judged by itself: no other body under the other's key


async def test_what_a_receipt_tells_is_for_those_who_write_to_its_collection(guarded: Running) -> None:
    writer = await guarded.key("write:translation_tasks")
    _, taken, _ = await guarded.ask("POST", f"{TASKS}/batch", json={"tasks": [task()]}, headers=writer)
    path = f"/api/v1/receipts/{taken['receipt']}"
    assert (await guarded.get(path, headers=writer))[0] == 200
    for scope in ("read", "write:users", "admin"):
        status, body, _ = await guarded.get(path, headers=await guarded.key(scope))
        assert (status, body["code"]) == (403, "missing_scope")


async def test_a_search_needs_the_right_to_read_what_it_looks_into(guarded: Running) -> None:
    head = await guarded.key("read:translation_tasks")
    assert (await guarded.get("/api/v1/search?q=a", headers=head))[0] == 200
    status, body, _ = await guarded.get("/api/v1/search?q=a&collection=translation_sessions", headers=head)
    assert (status, body["scope"]) == (403, "read:translation_sessions")


async def test_a_link_to_put_content_needs_the_right_to_write(guarded: Running) -> None:
    wanted = {"method": "PUT", "size": 1, "sha256": "0" * 64}
    path = "/api/v1/storage/files/f1/links"
    status, body, _ = await guarded.ask("POST", path, json=wanted, headers=await guarded.key("read"))
    assert (status, body.get("scope")) == (403, "write:files")


async def test_the_right_to_rule_may_be_for_one_collection(guarded: Running) -> None:
    head, buffers = await guarded.key("admin:translation_tasks"), "/api/v1/system/buffers"
    assert (await guarded.ask("POST", f"{buffers}/translation_tasks/hold?seconds=1", headers=head))[0] == 200
    for name in ("translation_sessions", "none", "%0d%0aX-Evil: 1"):
        status, body, response = await guarded.ask("POST", f"{buffers}/{name}/hold", headers=head)
        assert (status, body["code"]) == (403, "missing_scope")
        assert "X-Evil" not in response.headers
    assert (await guarded.get(buffers, headers=head))[0] == 403


async def test_who_writes_and_may_not_read_is_not_shown_the_record(guarded: Running) -> None:
    head = await guarded.key("write:translation_tasks")
    await guarded.ask("POST", f"{TASKS}/batch?ack=stored", json={"tasks": [task("t1")]}, headers=head)
    status, body, _ = await guarded.ask("PATCH", f"{TASKS}/t1", json={}, headers=head)
    assert status == 200
    assert sorted(body) == ["created_at", "revision", "task_id", "updated_at"]
    _, body, _ = await guarded.ask("PATCH", f"{TASKS}/t1", json={}, headers=head | {"If-Match": '"0-0"'})
    assert sorted(body["current"]) == ["created_at", "revision", "task_id", "updated_at"]


async def test_no_answer_lets_other_origins_in(guarded: Running) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for headers in (asked, asked | await guarded.key("read")):
        for method in ("GET", "OPTIONS"):
            _, _, response = await guarded.ask(method, TASKS, headers=headers)
            assert not [name for name in response.headers if name.lower().startswith("access-control-")]
            assert "Set-Cookie" not in response.headers


FOREIGN: dict[str, dict[str, str]] = {
    "a page of another site": {"Sec-Fetch-Site": "cross-site"},
    "a page of another site, and its origin": {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
    "a browser that says no more": {"Origin": "http://evil.example"},
    "another port of this machine": {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
    "an origin that is hidden": {"Origin": "null"},
    "a name that leads here": {"Host": "evil.example"},
    "a name that leads here, of its own page": {"Host": "evil.example:80", "Sec-Fetch-Site": "same-origin"},
    "a name that looks like an address": {"Host": "127.0.0.1.evil.example"},
    "a name that is none": {"Host": "[::1"},
    "an empty name": {"Host": ""},
}
OWN: dict[str, dict[str, str]] = {
    "no browser": {},
    "by a name": {"Host": "localhost:8080"},
    "by another loopback address": {"Host": "127.0.0.2"},
    "by IPv6": {"Host": "[::1]:8080"},
    "the page of the documentation": {"Host": "localhost:80", "Origin": "http://LocalHost:80"},
    "the same in a browser of today": {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"},
    "typed by hand": {"Sec-Fetch-Site": "none"},
    "a picture in a page of another port": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("form", FOREIGN)
async def test_where_nobody_authenticates_no_page_of_others_may_ask(form: str) -> None:
    async with running() as service:
        for method, path in (
            ("POST", "/api/v1/system/flush"),
            ("GET", TASKS),
            ("GET", "/metrics"),
            ("GET", "/nowhere"),
        ):
            status, body, response = await service.ask(method, path, headers=FOREIGN[form])
            assert (status, body["code"], "`auth.mode`" in body["cure"]) == (403, "foreign_origin", True)
            assert "WWW-Authenticate" not in response.headers
        assert (await service.get("/health/live", headers=FOREIGN[form]))[0] == 200


@pytest.mark.parametrize("form", OWN)
async def test_where_nobody_authenticates_programs_and_own_pages_ask_as_before(form: str) -> None:
    async with running() as service:
        assert (await service.ask("POST", "/api/v1/system/flush", headers=OWN[form]))[0] == 200
        assert (await service.get("/docs", headers=OWN[form]))[0] == 200


async def test_where_the_network_is_protected_any_name_is_good_and_no_page_of_others_is() -> None:
    async with running(insecure=True) as service:
        assert (await service.get(TASKS, headers={"Host": "persistence:8080"}))[0] == 200
        assert (await service.get(TASKS, headers={"Host": "persistence", "Origin": "http://persistence"}))[0] == 200
        assert (await service.get(TASKS, headers={"Host": "persistence", "Origin": "http://other"}))[0] == 403
        assert (await service.get(TASKS, headers={"Sec-Fetch-Site": "cross-site"}))[0] == 403


async def test_where_keys_are_asked_for_names_and_pages_are_none_of_the_doors_business(guarded: Running) -> None:
    key = await guarded.key("read")
    assert (await guarded.get(TASKS, headers={"Host": "api.example", "Origin": "https://app.example"} | key))[0] == 200


async def test_a_stream_ends_where_its_key_is_revoked_and_what_was_taken_before_stays(guarded: Running) -> None:
    """A stream may last for ever; whoever is let in once is not let in for as long."""
    key = (await guarded.key("write"))["X-API-Key"]
    head = (
        f"POST {TASKS}/batch HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/x-ndjson\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    async with guarded.connection() as (reader, writer):
        writer.write(head.encode() + _chunk(range(1000)))
        async with asyncio.timeout(SECONDS):
            while not guarded.observed.of(RecordsAccepted):  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.005)
        await guarded.services.credentials.keys.revoke(key[3:19], by="test")
        writer.write(_chunk(range(1000, 2000)) + b"0\r\n\r\n")
        async with asyncio.timeout(SECONDS):
            answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 401 ")
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (problem["code"], problem["accepted"]) == ("unauthenticated", 1000)
    assert sum(seen.count for seen in guarded.observed.of(RecordsAccepted)) == 1000


def _chunk(numbers: range) -> bytes:
    lines = b"".join(json.dumps(task(f"t{number}")).encode() + b"\n" for number in numbers)
    return b"%x\r\n%s\r\n" % (len(lines), lines)

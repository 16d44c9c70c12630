"""Users over HTTP: answered when stored, no e-mail address twice, sensitive fields not in lists."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.http.running import Running

USERS = "/api/v1/users"


def user(key: str | None = None, email: str = "ann@example.com", **fields):
    return {"user_id": key, "email": email, **fields} if key else {"email": email, **fields}


async def emails(service: Running) -> dict[str, str]:
    _, page, _ = await service.get(f"{USERS}?fields=user_id,email&page_size=1000")
    return {item["user_id"]: item["email"] for item in page["items"]}


def places(answer) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in answer["errors"]]


async def test_a_user_is_answered_when_it_is_stored_and_comes_back_as_it_was_sent(service: Running) -> None:
    body = b'{"user_id": "a/b", "email": "Ann@Example.com", "preferences": {"z": 1.0, "a":  [1e3]}, "name": "Ann"}'
    status, answer, response = await service.send(USERS, body)
    assert (status, response.headers["Location"]) == (201, f"{USERS}/a%2Fb")
    assert (answer["email"], answer["email_normalized"]) == ("Ann@Example.com", "ann@example.com")
    assert b'"preferences":{"z": 1.0, "a":  [1e3]}' in service.last
    assert await service.backend.read(service.services.registry.collection("users"), "a/b") is not None

    status, found, read = await service.get(response.headers["Location"])
    assert (status, found, read.headers["ETag"]) == (200, answer, response.headers["ETag"])
    unchanged = await service.get(response.headers["Location"], headers={"If-None-Match": read.headers["ETag"]})
    assert unchanged[0] == 304


async def test_a_user_without_an_id_gets_one(service: Running) -> None:
    status, answer, response = await service.post(USERS, user())
    assert (status, response.headers["Location"]) == (201, f"{USERS}/{answer['user_id']}")
    assert (await service.get(response.headers["Location"]))[1] == answer


async def test_an_address_is_taken_however_it_is_written_and_the_problem_names_the_field(service: Running) -> None:
    await service.post(USERS, user("u1"))
    for email in ("ann@example.com", "ANN@example.com", "Ann@EXAMPLE.COM", "\uff41nn@example.com"):
        status, answer, _ = await service.post(USERS, user("u2", email))
        assert (status, answer["code"], places(answer)) == (409, "value_taken", [("/email", "value_taken")])
    status, answer, _ = await service.post(USERS, user("u1", "other@example.com"))
    assert (status, answer["code"], places(answer)) == (409, "value_taken", [("/user_id", "value_taken")])
    assert await emails(service) == {"u1": "ann@example.com"}


async def test_a_batch_stores_new_users_and_replaces_others_with_a_verdict_for_each(service: Running) -> None:
    await service.post(USERS, user("u1", name="Ann"))
    users = [
        user("u1"),
        user("u2", "Bob@example.com"),
        user("u3", "bob@example.com"),
        user("u4", "ANN@example.com"),
        user("u5", "eve@example.com"),
    ]
    status, answer, _ = await service.post(f"{USERS}/batch", {"users": users})
    assert (status, answer["status"]) == (200, "stored")
    assert [item["verdict"] for item in answer["results"]] == ["stored", "stored", "conflict", "conflict", "stored"]
    assert places(answer["results"][2]["problem"]) == [("/users/2/email", "value_taken")]
    assert answer["results"][3]["problem"]["status"] == 409
    assert await emails(service) == {"u1": "ann@example.com", "u2": "Bob@example.com", "u5": "eve@example.com"}
    assert (await service.get(f"{USERS}/u1"))[1]["name"] is None  # records are whole


async def test_a_batch_with_a_record_that_breaks_a_rule_changes_nothing(service: Running) -> None:
    users = [user("u1"), user("u2", "nowhere"), user("u3", "x@y.z", preferences=[1])]
    status, answer, _ = await service.post(f"{USERS}/batch", {"users": users})
    assert (status, places(answer)) == (
        422,
        [("/users/1/email", "invalid_email"), ("/users/2/preferences", "invalid_value")],
    )
    status, answer, _ = await service.post(f"{USERS}/batch", {"users": [user("u1"), user("u1", "x@y.z")]})
    assert (status, places(answer)) == (422, [("/users/1/user_id", "duplicate_key")])
    assert await emails(service) == {}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"email": "nobody"}, ("/email", "invalid_email")),
        ({"email": " ann@example.com"}, ("/email", "invalid_email")),
        ({"email": "x" * 10_000}, ("/email", "invalid_value")),
        ({"email": "é" * 200 + "@example.com"}, ("/email", "invalid_email")),
        ({"email": None}, ("/email", "invalid_value")),
        ({"email": 7}, ("/email", "invalid_value")),
        ({"name": "x" * 10_000}, ("/name", "invalid_value")),
        ({"preferences": "dark"}, ("/preferences", "invalid_value")),
        ({"preferences": None}, ("/preferences", "invalid_value")),
        ({"preferences": {"k": "x" * 70_000}}, ("/preferences", "too_large")),
        ({"user_id": "x" * 10_000}, ("/user_id", "invalid_value")),
        ({"user_id": "a\u0007"}, ("/user_id", "invalid_identifier")),
        ({"user_id": ""}, ("/user_id", "invalid_value")),
        ({"email_normalized": "x@y.z"}, ("/email_normalized", "unknown_field")),
        ({"role": "admin"}, ("/role", "unknown_field")),
    ],
)
async def test_a_wrong_value_is_named_and_nothing_is_stored(service: Running, fields, place) -> None:
    status, answer, _ = await service.post(USERS, user("u1") | fields)
    assert (status, places(answer)) == (422, [place])
    assert await emails(service) == {}
    await service.post(USERS, user("u1", "kept@example.com"))
    if "user_id" not in fields:
        status, answer, _ = await service.ask("PATCH", f"{USERS}/u1", json=fields)
        expected = (200, None) if fields == {"preferences": None} else (422, [place])
        assert (status, places(answer) if status == 422 else None) == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'{"users": []}', b'{"email": "a@b.c"', b"\xff", b'{"a":' * 40])
async def test_a_body_that_is_no_user_is_refused(service: Running, body) -> None:
    status, answer, _ = await service.send(USERS, body)
    assert status in (400, 422), answer
    assert await emails(service) == {}


@pytest.mark.parametrize("key", ["a b", "a/b", "a%2Fb", "..", "ü", "🌍", "a?b#c", "x" * 64, "+", "a%00b"])
async def test_an_id_with_odd_characters_is_found_where_its_location_says(service: Running, key) -> None:
    status, answer, response = await service.post(USERS, user(key))
    assert status == 201, answer
    async with service.client.get(_as_is(service, response.headers["Location"])) as found:
        assert found.status == 200
        assert await found.json() == answer


def _as_is(service: Running, path: str):
    from yarl import URL

    return URL(f"{service.server.url}{path}", encoded=True)


async def test_a_change_of_the_address_frees_the_former_one_and_may_not_take_anothers(service: Running) -> None:
    await service.post(f"{USERS}/batch", {"users": [user("u1"), user("u2", "bob@example.com")]})
    status, answer, _ = await service.ask("PATCH", f"{USERS}/u2", json={"email": "Ann@example.com"})
    assert (status, answer["code"], places(answer)) == (409, "value_taken", [("/email", "value_taken")])

    status, answer, _ = await service.ask("PATCH", f"{USERS}/u1", json={"email": "ANN@Example.com"})
    assert (status, answer["email"], answer["email_normalized"]) == (200, "ANN@Example.com", "ann@example.com")
    assert (await service.ask("PATCH", f"{USERS}/u1", json={"email": "new@example.com"}))[0] == 200
    assert (await service.ask("PATCH", f"{USERS}/u2", json={"email": "Ann@example.com"}))[0] == 200
    assert await emails(service) == {"u1": "new@example.com", "u2": "Ann@example.com"}


async def test_patches_are_conditional_and_a_refusal_carries_the_stored_user(service: Running) -> None:
    _, stored, response = await service.post(USERS, user("u1", preferences={"a": 1}))
    tag = {"If-Match": response.headers["ETag"]}
    status, changed, _ = await service.ask("PATCH", f"{USERS}/u1", json={"preferences": {"b": 2}}, headers=tag)
    assert (status, changed["preferences"]) == (200, {"a": 1, "b": 2})
    status, answer, _ = await service.ask("PATCH", f"{USERS}/u1", json={"name": "x"}, headers=tag)
    assert (status, answer["current"]) == (412, changed)
    assert (await service.ask("DELETE", f"{USERS}/u1", headers=tag))[0] == 412
    assert stored["email"] == changed["email"]

    patches = [{"user_id": "u1", "name": "Ann"}, {"user_id": "u9", "name": "Nobody"}]
    status, answer, _ = await service.ask("PATCH", f"{USERS}/batch", json={"users": patches})
    assert (status, [item["verdict"] for item in answer["results"]]) == (200, ["stored", "not_found"])


async def test_a_deleted_user_gives_the_address_up_at_once_and_may_come_back(service: Running) -> None:
    await service.post(USERS, user("u1"))
    for key in ("u2", "u1"):
        last = next(iter(await emails(service)))
        assert (await service.ask("DELETE", f"{USERS}/{last}"))[0] == 204
        assert (await service.get(f"{USERS}/{last}"))[0] == 404
        assert (await service.post(USERS, user(key)))[0] == 201
    assert (await service.ask("DELETE", f"{USERS}/u2"))[0] == 404
    assert await emails(service) == {"u1": "ann@example.com"}


async def test_lists_leave_sensitive_fields_out_unless_they_are_asked_for(service: Running) -> None:
    await service.post(f"{USERS}/batch", {"users": [user("u1", name="Ann"), user("u2", "bob@example.com")]})
    _, page, _ = await service.get(f"{USERS}?sort_by=user_id")
    assert [item["user_id"] for item in page["items"]] == ["u1", "u2"]
    assert list(page["items"][0]) == ["user_id", "name", "metadata", "created_at", "updated_at", "revision"]
    _, page, _ = await service.get(f"{USERS}?fields=preferences,email&email__prefix=bob")
    assert page["items"] == [{"preferences": {}, "email": "bob@example.com"}]


@pytest.mark.parametrize("written", ["ANN@example.com", "ann%40EXAMPLE.com", "%EF%BD%81nn@example.com"])
async def test_a_user_is_found_by_the_address_however_it_is_written(service: Running, written) -> None:
    await service.post(f"{USERS}/batch", {"users": [user("u1"), user("u2", "bob@example.com")]})
    for operator in ("", "__in"):
        _, page, _ = await service.get(f"{USERS}?email_normalized{operator}={written}")
        assert [item["user_id"] for item in page["items"]] == ["u1"]
    status, answer, _ = await service.get(f"{USERS}?email_normalized=nobody")
    assert (status, answer["code"]) == (400, "invalid_parameter")


async def test_a_request_that_is_sent_again_under_its_key_creates_one_user(service: Running) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k1"}
    body = json.dumps(user()).encode()
    first = await service.ask("POST", USERS, data=body, headers=headers)
    again = await service.ask("POST", USERS, data=body, headers=headers)
    assert (first[0], again[0]) == (201, 201)
    assert (again[1], again[2].headers["Idempotency-Replayed"]) == (first[1], "true")
    assert again[2].headers["Location"] == first[2].headers["Location"]
    other = json.dumps(user(email="x@y.z")).encode()
    assert (await service.ask("POST", USERS, data=other, headers=headers))[1]["code"] == "idempotency_key_reused"


async def test_of_many_requests_for_one_address_exactly_one_is_stored(service: Running) -> None:
    async def create(number: int) -> int:
        if number % 2:
            return (await service.post(USERS, user(f"u{number}", f"{'aA'[number % 4 // 2]}nn@example.com")))[0]
        _, answer, _ = await service.post(f"{USERS}/batch", {"users": [user(f"u{number}")]})
        return 201 if answer["results"][0]["verdict"] == "stored" else answer["results"][0]["problem"]["status"]

    assert sorted(await asyncio.gather(*map(create, range(20)))) == [201] + [409] * 19
    assert len(await emails(service)) == 1

"""API keys over HTTP: made, shown once, listed without their secrets, rotated, revoked; each of it is told of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.model.api_keys import API_KEYS
from domain.model.dead_letters import LetterId
from domain.model.observations import AdministratorActed
from tests.integration.http.running import API, Running, running

KEYS, TASKS = "/api/v1/system/keys", f"{API}/tasks"


@pytest.fixture
async def guarded() -> AsyncIterator[Running]:
    async with running(auth="keys") as service:
        yield service


@pytest.fixture
async def admin(guarded: Running) -> dict[str, str]:
    return await guarded.key("admin")


async def made(service: Running, admin: dict[str, str], **wanted: Any) -> tuple[int, Any, Any]:
    return await service.ask("POST", KEYS, json={"name": "ci", "scopes": ["read"]} | wanted, headers=admin)


async def is_let_in(service: Running, key: str) -> bool:
    return (await service.get(TASKS, headers={"X-API-Key": key}))[0] == 200


async def test_a_made_key_is_shown_once_and_lets_in(guarded: Running, admin: dict[str, str]) -> None:
    status, body, response = await made(guarded, admin)
    assert (status, response.headers["Cache-Control"]) == (201, "no-store")
    assert response.headers["Location"] == f"{KEYS}/{body['key_id']}"
    assert await is_let_in(guarded, body["key"])
    _, listed, _ = await guarded.get(KEYS, headers=admin)
    shown = {each["key_id"]: each for each in listed["items"]}
    assert shown[body["key_id"]] == {name: value for name, value in body.items() if name != "key"}
    assert body["key"].partition(".")[2].encode() not in guarded.last


async def test_only_a_digest_of_a_key_is_stored(guarded: Running, admin: dict[str, str]) -> None:
    _, body, _ = await made(guarded, admin)
    stored = await guarded.backend.read(API_KEYS, body["key_id"])
    assert body["key"].partition(".")[2] not in str(stored)


async def test_a_revoked_key_is_refused_at_once_and_stays_listed(guarded: Running, admin: dict[str, str]) -> None:
    _, body, _ = await made(guarded, admin)
    assert await is_let_in(guarded, body["key"])
    for _ in range(2):
        assert (await guarded.ask("DELETE", f"{KEYS}/{body['key_id']}", headers=admin))[0] == 204
    assert not await is_let_in(guarded, body["key"])
    _, listed, _ = await guarded.get(KEYS, headers=admin)
    (shown,) = [each for each in listed["items"] if each["key_id"] == body["key_id"]]
    assert (shown["state"], shown["revoked_at"] is not None) == ("revoked", True)
    assert (await guarded.ask("POST", f"{KEYS}/{body['key_id']}/rotate", headers=admin))[0] == 400


@pytest.mark.parametrize("overlap", [0, 60])
async def test_a_rotated_key_has_another_secret_and_the_former_one_an_overlap(
    guarded: Running, admin: dict[str, str], overlap: int
) -> None:
    _, former, _ = await made(guarded, admin)
    query = f"?overlap={overlap}" if overlap else ""
    status, body, _ = await guarded.ask("POST", f"{KEYS}/{former['key_id']}/rotate{query}", headers=admin)
    assert (status, body["key_id"]) == (200, former["key_id"])
    assert await is_let_in(guarded, body["key"])
    assert await is_let_in(guarded, former["key"]) is bool(overlap)
    await guarded.ask("DELETE", f"{KEYS}/{former['key_id']}", headers=admin)
    assert not await is_let_in(guarded, former["key"])


@pytest.mark.parametrize("body", [b'{"overlap": 3600}', b"garbage"])
async def test_a_rotation_whose_body_would_be_passed_over_is_refused_and_the_secret_stays(
    guarded: Running, admin: dict[str, str], body: bytes
) -> None:
    _, shown, _ = await made(guarded, admin, name="ci", scopes=["read"])
    where = f"{KEYS}/{shown['key_id']}/rotate"
    status, problem, _ = await guarded.ask("POST", where, data=body, headers=admin)
    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert "`?overlap=3600`" in problem["detail"]
    assert (await guarded.get(f"{API}/tasks", headers={"X-API-Key": shown["key"]}))[0] == 200
    assert (await guarded.ask("POST", where, data=b"", headers=admin))[0] == 200


async def test_a_key_ends_when_it_expires(guarded: Running, admin: dict[str, str]) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
    _, body, _ = await made(guarded, admin, expires_at=soon)
    assert await is_let_in(guarded, body["key"])
    while datetime.now(UTC) < datetime.fromisoformat(body["expires_at"]):
        await guarded.get("/health/live")
    assert not await is_let_in(guarded, body["key"])


@pytest.mark.parametrize(
    "wanted",
    [
        {"scopes": ["reads"]},
        {"scopes": ["read:nothing"]},
        {"scopes": "read"},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 201},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "soon"},
        {"key_id": "mine"},
    ],
    ids=str,
)
async def test_a_key_that_is_described_wrongly_is_not_made(
    guarded: Running, admin: dict[str, str], wanted: dict[str, Any]
) -> None:
    assert (await made(guarded, admin, **wanted))[0] == 400
    _, listed, _ = await guarded.get(KEYS, headers=admin)
    assert len(listed["items"]) == 1


async def test_an_unknown_key_is_not_found(guarded: Running, admin: dict[str, str]) -> None:
    for method, path in (("DELETE", f"{KEYS}/none"), ("POST", f"{KEYS}/none/rotate")):
        status, body, _ = await guarded.ask(method, path, headers=admin)
        assert (status, body["code"]) == (404, "key_not_found")


async def test_who_may_not_rule_makes_no_keys(guarded: Running) -> None:
    head = await guarded.key("read", "write", "pii", "admin:users")
    assert (await made(guarded, head))[0] == 403


async def test_what_administrators_do_is_told_with_who_did_it_and_what_came_of_it(
    guarded: Running, admin: dict[str, str]
) -> None:
    who = f"key:{admin['X-API-Key'][3:19]}"
    reader = await guarded.key("read")
    _, body, _ = await made(guarded, admin)
    await guarded.ask("POST", f"{KEYS}/{body['key_id']}/rotate", headers=admin)
    await guarded.ask("DELETE", f"{KEYS}/{body['key_id']}", headers=admin)
    await guarded.ask("POST", "/api/v1/system/flush", headers=admin)
    await guarded.ask("POST", "/api/v1/system/flush", headers=reader)
    await guarded.ask("DELETE", "/api/v1/system/dead-letters?all=true", headers=admin)
    await guarded.ask("POST", "/api/v1/system/reload")
    await guarded.get(KEYS, headers=admin)
    told = [(each.action, each.actor, each.status, each.error) for each in guarded.observed.of(AdministratorActed)]
    assert told == [
        ("keys.create", who, 201, None),
        ("keys.rotate", who, 200, None),
        ("keys.revoke", who, 204, None),
        ("system.flush", who, 200, None),
        ("system.flush", f"key:{reader['X-API-Key'][3:19]}", 403, "missing_scope"),
        ("dead_letters.purge_many", who, 200, None),
    ]
    assert guarded.observed.of(AdministratorActed)[0].subject == f"{body['key_id']} read"
    assert body["key"] not in str(guarded.observed.seen)


async def test_what_cannot_be_written_down_is_not_done(guarded: Running, admin: dict[str, str]) -> None:
    audit = guarded.services.audit
    audit.is_full = True
    status, problem, _ = await made(guarded, admin)  # it shows then that the log is full
    assert (status, problem["code"]) == (503, "audit_failed")
    assert "key" not in problem
    assert "It was done" in problem["detail"]
    for _ in range(2):
        status, problem, response = await made(guarded, admin)
        assert (status, problem["code"], "nothing was done" in problem["detail"]) == (503, "audit_failed", True)
        assert response.headers["Retry-After"]
    assert (await guarded.get("/api/v1/logs/export", headers=await guarded.key("read")))[0] == 503
    assert len((await guarded.get(KEYS, headers=admin))[1]["items"]) == 3  # the one that was made, and two of this test
    written = await guarded.ask("POST", f"{TASKS}/batch", json={"tasks": []}, headers=await guarded.key("write"))
    assert written[0] != 503

    audit.is_full = False
    assert (await made(guarded, admin))[0] == 503  # whose line is the first that is written again
    assert (await made(guarded, admin))[0] == 201
    told = [(each.action, each.status, each.error) for each in guarded.observed.of(AdministratorActed)]
    assert told == [("keys.create", 503, "audit_failed"), ("keys.create", 201, None)]


async def test_who_takes_records_out_of_the_service_is_told_of(guarded: Running, admin: dict[str, str]) -> None:
    ruler, reader = f"key:{admin['X-API-Key'][3:19]}", await guarded.key("read")
    asked = {
        "lists.export": ("GET", "/api/v1/logs/export?level=error", reader),
        "translation.restore": ("POST", f"{API}/recovery/restore/s1", reader),
        "dead_letters.find": ("GET", "/api/v1/system/dead-letters?collection=users", admin),
        "dead_letters.get": ("GET", f"/api/v1/system/dead-letters/{LetterId('users', 1, 0)}", admin),
        "dead_letters.replay_many": ("POST", "/api/v1/system/dead-letters/replay?all=true", admin),
        "keyring.rewrap": ("POST", "/api/v1/system/keyring/rewrap", admin),
    }
    for method, path, head in asked.values():
        await guarded.ask(method, path, headers=head)
    await guarded.get("/api/v1/logs", headers=reader)
    told = {each.action: (each.subject, each.actor, each.status) for each in guarded.observed.of(AdministratorActed)}
    statuses = {"translation.restore": 404, "dead_letters.get": 404, "keyring.rewrap": 202}
    assert told == {
        action: (path, ruler if head is admin else f"key:{reader['X-API-Key'][3:19]}", statuses.get(action, 200))
        for action, (_, path, head) in asked.items()
    }


@pytest.mark.parametrize("query", ["pass=canary-5e1d", "level__eq=canary-5e1d", "cursor=canary-5e1d"])
async def test_what_is_refused_for_its_parameters_is_told_of_without_them(guarded: Running, query: str) -> None:
    """Nobody knows what they are."""
    assert (await guarded.get(f"/api/v1/logs/export?{query}", headers=await guarded.key("read")))[0] == 400
    (told,) = guarded.observed.of(AdministratorActed)
    assert (told.subject, told.status) == ("/api/v1/logs/export", 400)
    assert "canary" not in str(guarded.observed.seen)


async def test_keys_are_made_before_anybody_is_asked_for_one() -> None:
    async with running() as service:
        status, body, _ = await made(service, {})
        assert (status, body["changed_by"]) == (201, "127.0.0.1")

"""Fields that are declared sensitive: absent for who lacks `pii`, and not to be found out by asking about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.model.users import USERS
from tests.integration.http.running import Running, running

PATH = "/api/v1/users"
SENSITIVE = {field.name for field in USERS.fields if field.sensitive}
ANNA = {"user_id": "u1", "email": "anna@example.org", "name": "Anna", "preferences": {"theme": "dark"}}


@pytest.fixture
async def guarded() -> AsyncIterator[Running]:
    async with running(auth="keys") as service:
        await service.ask("POST", PATH, json=ANNA, headers=await service.key("write"))
        yield service


async def told(service: Running, method: str, path: str, *scopes: str, **options: Any) -> tuple[int, Any]:
    status, body, _ = await service.ask(method, path, headers=await service.key(*scopes), **options)
    return status, body


async def test_a_single_record_lacks_them_without_the_scope_and_has_them_with_it(guarded: Running) -> None:
    _, without = await told(guarded, "GET", f"{PATH}/u1", "read")
    _, whole = await told(guarded, "GET", f"{PATH}/u1", "read", "pii:users")
    assert set(whole) - set(without) == SENSITIVE
    assert whole["email"] == "anna@example.org"
    _, elsewhere = await told(guarded, "GET", f"{PATH}/u1", "read", "pii:logs")
    assert elsewhere == without


async def test_lists_lack_them_and_refuse_to_name_them(guarded: Running) -> None:
    _, page = await told(guarded, "GET", PATH, "read")
    assert not SENSITIVE & set(page["items"][0])
    for query in (
        "fields=user_id,email",
        "email=anna@example.org",
        "email__prefix=a",
        "email_normalized__isnull=false",
        "sort_by=email",
    ):
        status, body = await told(guarded, "GET", f"{PATH}?{query}", "read")
        assert (status, body["scope"]) == (403, "pii:users"), query
        assert (await told(guarded, "GET", f"{PATH}?{query}", "read", "pii"))[0] == 200


async def test_answers_to_writes_lack_them_too(guarded: Running) -> None:
    head = await guarded.key("read", "write")
    status, body, _ = await guarded.ask("PATCH", f"{PATH}/u1", json={"name": "Ann"}, headers=head)
    assert (status, body["name"], SENSITIVE & set(body)) == (200, "Ann", set())
    status, body, _ = await guarded.ask("POST", PATH, json=ANNA | {"user_id": "u2", "email": "b@x.org"}, headers=head)
    assert (status, SENSITIVE & set(body)) == (201, set())
    stale = head | {"If-Match": '"0-0"'}
    status, body, _ = await guarded.ask("PATCH", f"{PATH}/u1", json={"name": "An"}, headers=stale)
    assert (status, SENSITIVE & set(body["current"])) == (412, set())
    assert b"anna@" not in guarded.last


async def test_where_nobody_authenticates_everybody_sees_them() -> None:
    async with running() as service:
        await service.ask("POST", PATH, json=ANNA)
        _, body, _ = await service.get(f"{PATH}/u1")
        assert body["email"] == "anna@example.org"

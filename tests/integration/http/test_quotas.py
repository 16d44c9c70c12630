"""Quotas at the door: 429 with what is left, for whom it is meant, and for no batch."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from entrypoints.http.body import Bodies
from entrypoints.sections import QuotaSettings
from tests.integration.http.running import API, Running, running, task

TASKS, SESSIONS = f"{API}/tasks", f"{API}/sessions"
POLICY = QuotaSettings(anonymous_per_minute=5, key_per_minute=8, session_queries_per_minute=3)


@pytest.fixture
async def metered() -> AsyncIterator[Running]:
    async with running(auth="keys", quotas=POLICY) as service:
        yield service


async def test_one_request_too_many_is_429_with_the_time_of_the_next_chance(metered: Running) -> None:
    reader = await metered.key("read")
    for left in range(7, -1, -1):
        status, _, response = await metered.get(TASKS, headers=reader)
        assert status == 200
        assert response.headers["RateLimit-Policy"] == '"key";q=8;w=60'
        assert response.headers["RateLimit"].startswith(f'"key";r={left};t=')
    status, problem, response = await metered.get(TASKS, headers=reader)
    assert (status, problem["code"]) == (429, "quota_exceeded")
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert response.headers["RateLimit"].startswith('"key";r=0;t=')
    assert (await metered.get(TASKS, headers=await metered.key("read")))[0] == 200


async def test_batches_and_probes_are_not_counted(metered: Running) -> None:
    writer = await metered.key("write")
    for number in range(12):
        status, _, response = await metered.ask(
            "POST", f"{TASKS}/batch", json={"tasks": [task(f"t{number}")]}, headers=writer
        )
        assert status == 202
        assert "RateLimit" not in response.headers
        assert (await metered.get("/health/live"))[0] == 200


async def test_questions_about_one_session_are_few(metered: Running) -> None:
    reader = await metered.key("read")
    asked = [f"{SESSIONS}/s1/tasks", f"{TASKS}?session_id=s1", f"{SESSIONS}/s1/tasks"]
    for path in asked:
        status, _, response = await metered.get(path, headers=reader)
        assert status == 200
        assert response.headers["RateLimit-Policy"] == '"session";q=3;w=60'
    assert (await metered.get(f"{SESSIONS}/s1/tasks", headers=reader))[1]["code"] == "quota_exceeded"
    assert (await metered.get(f"{SESSIONS}/s2/tasks", headers=reader))[0] == 200


async def test_a_session_is_one_however_it_is_named(metered: Running) -> None:
    reader = await metered.key("read")
    for name in ("session_id", "session_id__eq", "session_id__in"):
        assert (await metered.get(f"{TASKS}?{name}=s1", headers=reader))[0] == 200
    assert (await metered.get(f"{TASKS}?session_id__in=s1", headers=reader))[1]["code"] == "quota_exceeded"


async def test_what_is_no_id_of_a_session_is_not_counted_as_one(metered: Running) -> None:
    reader = await metered.key("read")
    _, _, response = await metered.get(f"{TASKS}?session_id={'s' * 5000}", headers=reader)
    assert response.headers["RateLimit-Policy"] == '"key";q=8;w=60'


async def test_who_guesses_keys_is_stopped_and_a_good_key_from_there_is_not(metered: Running) -> None:
    reader = await metered.key("read")
    statuses = [(await metered.get(TASKS, headers={"X-API-Key": f"ps_guess.{n}"}))[0] for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert (await metered.get("/nowhere"))[0] == 429
    assert (await metered.get(TASKS, headers=reader))[0] == 200


async def test_an_unknown_address_counts_too(metered: Running) -> None:
    reader = await metered.key("read")
    statuses = [(await metered.get("/nowhere", headers=reader))[0] for _ in range(9)]
    assert statuses == [404] * 8 + [429]


async def test_where_nobody_has_to_authenticate_nobody_is_counted() -> None:
    async with running(quotas=POLICY) as service:
        assert {(await service.get(TASKS))[0] for _ in range(12)} == {200}


async def test_one_caller_does_not_hold_all_the_memory_for_bodies() -> None:
    bodies = Bodies(capacity=3_000_000, share=1_000_000)
    async with running(auth="keys", bodies=bodies) as service:
        body = b'{"tasks": [' + b" " * 1_500_000 + b"]}"
        status, problem, _ = await service.send(f"{TASKS}/batch", body, **await service.key("write"))
        assert (status, problem["code"]) == (429, "slow_down")
    assert bodies.in_flight == 0
    async with running(bodies=bodies) as service:
        assert (await service.send(f"{TASKS}/batch", body))[0] == 422

"""Quotas at the door: 429 with what is left, for whom it is meant, and for no batch."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from yarl import URL

from adapters.memory.backend import MemoryBackend
from domain.model.api_keys import API_KEYS
from domain.services import key_authenticator
from entrypoints.http.body import Bodies
from entrypoints.sections import QuotaSettings
from tests.integration.http.running import API, Running, running, task

TASKS, SESSIONS = f"{API}/tasks", f"{API}/sessions"
POLICY = QuotaSettings(anonymous_per_minute=5, key_per_minute=8, session_queries_per_minute=3)


class Asked(MemoryBackend):
    """A backend that counts how often it is asked for a key, and answers when it shall."""

    def __init__(self) -> None:
        super().__init__()
        self.of_keys = 0
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.answers.set()

    async def read(self, collection: Any, key: str) -> Any:
        if collection.name == API_KEYS.name:
            self.of_keys += 1
            self.asked.set()
            await self.answers.wait()
        return await super().read(collection, key)


def made_up(number: int) -> dict[str, str]:
    """A key of the right form that nobody has."""
    digits = "".join("abcdefghij"[int(digit)] for digit in f"{number:03}")
    return {"X-API-Key": f"ps_{'a' * 13}{digits}.{'x' * 43}"}


@asynccontextmanager
async def elsewhere(service: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A client at another address."""
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(service.server.url, connector=connector) as client:
        yield client


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


@pytest.mark.parametrize(
    "form",
    [
        "session_id__in=s1,x{}",
        "session_id__in=x{},s1",
        "session_id__in=x{}&session_id__in=s1",
        "session_id__gte=s1&session_id__lte=s1&session_id__ne=x{}",
        "session_id__between=s1,s1&session_id__ne=x{}",
        "session_id__prefix=s1&page_size={}",
        "session_id=x{}&session_id__eq=s1",
        "session_id__gte=s1&session_id__ne=x{}",
        "session%5fid__contains=s1&page_size={}",
    ],
)
async def test_lists_that_hide_a_session_among_others_are_as_few(metered: Running, form: str) -> None:
    reader = await metered.key("read")
    answers = [await metered.get(URL(f"{TASKS}?{form.format(n)}", encoded=True), headers=reader) for n in range(1, 6)]
    assert [status for status, _, _ in answers] == [200] * 3 + [429] * 2
    assert answers[-1][2].headers["RateLimit-Policy"] == '"session";q=3;w=60'
    assert (await metered.get(f"{SESSIONS}/s1/tasks", headers=reader))[0] == 200  # named by itself, it counts by itself


async def test_lists_of_all_sessions_but_some_are_about_none(metered: Running) -> None:
    reader = await metered.key("read")
    for form in ("session_id__ne=s1", "session_id__nin=s1,s2", "session_id__isnull=true"):
        _, _, response = await metered.get(f"{TASKS}?{form}", headers=reader)
        assert response.headers["RateLimit-Policy"] == '"key";q=8;w=60'


async def test_what_is_no_id_of_a_session_is_not_counted_as_one(metered: Running) -> None:
    reader = await metered.key("read")
    _, _, response = await metered.get(f"{TASKS}?session_id={'s' * 5000}", headers=reader)
    assert response.headers["RateLimit-Policy"] == '"key";q=8;w=60'


async def test_who_guesses_keys_is_stopped_and_a_good_key_from_there_is_not(metered: Running) -> None:
    reader = await metered.key("read")
    assert (await metered.get(TASKS, headers=reader))[0] == 200  # its first look-up counts for the address, too
    statuses = [(await metered.get(TASKS, headers={"X-API-Key": f"ps_guess.{n}"}))[0] for n in range(7)]
    assert statuses == [401] * 4 + [429] * 3
    assert (await metered.get("/nowhere"))[0] == 429
    assert (await metered.get(TASKS, headers=reader))[0] == 200


async def test_a_made_up_id_costs_its_address_before_the_store_of_the_keys_is_asked() -> None:
    store = Asked()
    async with running(auth="keys", quotas=POLICY, backend=store) as service:
        reader = await service.key("read")
        assert (await service.get(TASKS, headers=reader))[0] == 200
        store.of_keys = 0
        answers = [await service.get(TASKS, headers=made_up(number)) for number in range(12)]
        assert [status for status, _, _ in answers] == [401] * 4 + [429] * 8
        assert store.of_keys == 4
        assert answers[-1][2].headers["RateLimit"].startswith('"address";r=0;t=')
        assert (await service.get(TASKS, headers=reader))[0] == 200
        assert (await service.get(TASKS, headers=await service.key("read")))[
            0
        ] == 429  # nobody can tell it from a guess


async def test_a_flood_of_made_up_ids_from_one_address_keeps_no_new_key_of_another_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_authenticator, "MAX_WAITING", 10)
    store = Asked()
    async with running(auth="keys", quotas=POLICY, backend=store) as service, elsewhere(service) as other:
        reader = await service.key("read")
        store.answers.clear()
        flood = [asyncio.create_task(service.get(TASKS, headers=made_up(number))) for number in range(30)]
        for answer in itertools.islice(asyncio.as_completed(flood), 25):
            assert (await answer)[0] == 429
        good = asyncio.create_task(other.get(TASKS, headers=reader))
        store.answers.set()
        assert (await good).status == 200
        assert sorted([(await each)[0] for each in flood]) == [401] * 5 + [429] * 25


async def test_many_who_show_one_new_key_at_once_pay_for_one_look_up() -> None:
    store = Asked()
    async with running(auth="keys", quotas=POLICY, backend=store) as service:
        writer = await service.key("write")
        store.of_keys = 0
        store.answers.clear()
        batches = [
            asyncio.create_task(
                service.ask("POST", f"{TASKS}/batch", json={"tasks": [task(f"t{number}")]}, headers=writer)
            )
            for number in range(20)
        ]
        await store.asked.wait()
        store.answers.set()
        answers = await asyncio.gather(*batches)
        assert {status for status, _, _ in answers} == {202}
        assert all("RateLimit" not in response.headers for _, _, response in answers)
        assert store.of_keys == 1
        assert (await service.get(TASKS))[2].headers["RateLimit"].startswith('"address";r=3;t=')


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


async def test_a_key_in_the_address_counts_like_a_guess(metered: Running) -> None:
    seen = [(await metered.get(f"{TASKS}?api_key=x"))[0] for _ in range(6)]
    assert seen == [400] * 5 + [429]


async def test_what_one_caller_sent_counts_no_more_once_it_is_answered() -> None:
    async with running(auth="keys", bodies=Bodies(share=1_000_000)) as service:
        key = await service.key("write")
        batch = json.dumps({"tasks": [task(source_text="x" * 400_000)]}).encode()
        assert [(await service.send(f"{TASKS}/batch", batch, **key))[0] for _ in range(5)] == [202] * 5

"""Sending a request again: it does nothing twice, and is answered as before."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from tests.integration.http.running import API, Running, running, task

BATCH = f"{API}/tasks/batch"
KEY = {"Idempotency-Key": "k-1"}
NDJSON = "application/x-ndjson"


async def accepted(service: Running) -> int:
    """Records that were ever journaled."""
    _, found, _ = await service.get("/api/v1/system/stats")
    return found["collections"]["translation_tasks"]["accepted"]


async def test_the_same_batch_is_taken_once_and_answered_again(service: Running) -> None:
    batch = {"tasks": [task("a"), task("b", status="lost")]}
    first = await service.ask("POST", f"{BATCH}?on_error=continue", json=batch, headers=KEY)
    assert "Idempotency-Replayed" not in first[2].headers
    for flushed in (False, True):  # whether the key is known from the log or from the store
        if flushed:
            assert await service.stored() == 1
        again = await service.ask("POST", f"{BATCH}?on_error=continue", json=batch, headers=KEY)
        assert again[:2] == first[:2]
        assert again[2].headers["Idempotency-Replayed"] == "true"
        assert again[2].headers["Location"] == first[2].headers["Location"]
    assert await accepted(service) == 1


async def test_fifty_at_once_are_one_execution(service: Running) -> None:
    start = asyncio.Barrier(50)

    async def send() -> tuple[int, dict]:
        await start.wait()
        status, answer, response = await service.ask("POST", BATCH, json={"tasks": [task("a")]}, headers=KEY)
        if status == 409:
            assert answer["code"] == "idempotency_key_in_progress"
            assert response.headers["Retry-After"] == "1"
        return status, answer

    answers = await asyncio.gather(*(send() for _ in range(50)))
    assert {status for status, _ in answers} <= {202, 409}
    assert len({answer["receipt"] for status, answer in answers if status == 202}) == 1
    assert await accepted(service) == 1


@pytest.mark.parametrize(
    ("path", "changes"),
    [(BATCH, {"priority": 9}), (f"{BATCH}?on_error=continue", {}), (f"{BATCH}?ack=accepted", {})],
)
@pytest.mark.parametrize("flushed", [False, True])
async def test_a_key_with_another_request_is_refused(service: Running, path: str, changes, flushed: bool) -> None:
    await service.ask("POST", BATCH, json={"tasks": [task("a")]}, headers=KEY)
    if flushed:
        await service.stored()
    status, answer, _ = await service.ask("POST", path, json={"tasks": [task("a", **changes)]}, headers=KEY)
    assert (status, answer["code"]) == (422, "idempotency_key_reused")
    assert await accepted(service) == 1


async def test_a_key_counts_for_one_operation(service: Running) -> None:
    await service.ask("POST", BATCH, json={"tasks": [task("a")]}, headers=KEY)
    status, _, _ = await service.ask("PATCH", f"{API}/tasks/a", json={"priority": 3}, headers=KEY)
    assert status == 200


async def test_a_refused_batch_uses_no_key_up(service: Running) -> None:
    status, _, _ = await service.ask("POST", BATCH, json={"tasks": [task("a", status="lost")]}, headers=KEY)
    assert status == 422
    status, _, response = await service.ask("POST", BATCH, json={"tasks": [task("a")]}, headers=KEY)
    assert status == 202
    assert "Idempotency-Replayed" not in response.headers


async def test_a_day_later_the_key_is_free(service: Running) -> None:
    clock = service.services.intake._idempotency._clock
    await service.ask("POST", BATCH, json={"tasks": [task("a")]}, headers=KEY)
    await service.stored()
    now = clock.now
    clock.now = lambda: now() + timedelta(hours=23, minutes=59)
    assert (await service.ask("POST", BATCH, json={"tasks": [task("a", priority=1)]}, headers=KEY))[0] == 422
    clock.now = lambda: now() + timedelta(hours=24, seconds=1)
    status, _, response = await service.ask("POST", BATCH, json={"tasks": [task("a", priority=1)]}, headers=KEY)
    assert status == 202
    assert "Idempotency-Replayed" not in response.headers
    await service.stored()
    again = await service.ask("POST", BATCH, json={"tasks": [task("a", priority=1)]}, headers=KEY)
    assert again[2].headers["Idempotency-Replayed"] == "true"
    assert await accepted(service) == 2


async def test_stored_is_answered_again_with_the_same_verdicts(service: Running) -> None:
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("a")]})
    batch = {"tasks": [task("a", updated_at="2020-01-01T00:00:00Z"), task("b")]}
    first = await service.ask("POST", f"{BATCH}?ack=stored&timeout=3", json=batch, headers=KEY)
    again = await service.ask("POST", f"{BATCH}?ack=stored&timeout=9", json=batch, headers=KEY)
    assert [item["verdict"] for item in first[1]["results"]] == ["stale", "stored"]
    assert again[:2] == first[:2]
    assert again[2].headers["Idempotency-Replayed"] == "true"


async def test_a_stream_that_is_sent_again_goes_on_behind_what_was_taken(service: Running) -> None:
    lines = [json.dumps(task(f"t{n:04}")).encode() for n in range(3500)]
    half = b"\n".join([*lines[:2500], b"{", *lines[2501:]])
    status, cut, _ = await service.send(BATCH, half, NDJSON, **KEY)
    assert (status, cut["accepted"]) == (422, 2000)

    status, answer, response = await service.send(BATCH, b"\n".join(lines), NDJSON, **KEY)
    assert (status, answer["count"]) == (202, 3500)
    assert "Idempotency-Replayed" not in response.headers
    assert await accepted(service) == 3500
    await service.stored()

    status, again, response = await service.send(BATCH, b"\n".join(lines), NDJSON, **KEY)
    assert (status, again) == (202, answer)
    assert response.headers["Idempotency-Replayed"] == "true"
    assert await accepted(service) == 3500

    lines[10] = json.dumps(task("another")).encode()
    status, refused, _ = await service.send(BATCH, b"\n".join(lines), NDJSON, **KEY)
    assert (status, refused["code"]) == (422, "idempotency_key_reused")


async def test_a_change_is_made_once_and_shown_again(service: Running) -> None:
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("a")]})
    first = await service.ask("PATCH", f"{API}/tasks/a", json={"priority": 3}, headers=KEY)
    again = await service.ask("PATCH", f"{API}/tasks/a", json={"priority": 3}, headers=KEY)
    assert again[:2] == first[:2]
    assert again[2].headers["ETag"] == first[2].headers["ETag"]
    assert again[2].headers["Idempotency-Replayed"] == "true"
    assert await accepted(service) == 2

    await service.ask("PATCH", f"{API}/tasks/a", json={"priority": 8})
    _, as_it_is, _ = await service.ask("PATCH", f"{API}/tasks/a", json={"priority": 3}, headers=KEY)
    assert as_it_is["priority"] == 8
    status, answer, _ = await service.ask("PATCH", f"{API}/tasks/a", json={"priority": 4}, headers=KEY)
    assert (status, answer["code"]) == (422, "idempotency_key_reused")


async def test_a_change_whose_precondition_failed_may_be_tried_again(service: Running) -> None:
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("a")]})
    headers = KEY | {"If-Match": '"other"'}
    for _ in range(2):
        assert (await service.ask("PATCH", f"{API}/tasks/a", json={"priority": 3}, headers=headers))[0] == 412
    assert await accepted(service) == 1


async def test_of_many_changes_those_that_were_made_are_not_made_again(service: Running) -> None:
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("a")]})
    changes = {"tasks": [{"task_id": "a", "priority": 3}, {"task_id": "b", "priority": 4}]}
    _, first, _ = await service.ask("PATCH", BATCH, json=changes, headers=KEY)
    assert [item["verdict"] for item in first["results"]] == ["stored", "not_found"]

    again = await service.ask("PATCH", BATCH, json=changes, headers=KEY)
    assert again[1] == first
    assert again[2].headers["Idempotency-Replayed"] == "true"

    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("b")]})
    _, later, response = await service.ask("PATCH", BATCH, json=changes, headers=KEY)
    assert later["results"][0] == first["results"][0]
    assert later["results"][1]["verdict"] == "stored"
    assert "Idempotency-Replayed" not in response.headers


@pytest.mark.parametrize("condition", [{}, {"If-Match": "*"}])
async def test_a_delete_is_done_once_and_confirmed_again(service: Running, condition) -> None:
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("a")]})
    assert (await service.ask("DELETE", f"{API}/tasks/a", headers=KEY | condition))[0] == 204
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("a", priority=1)]})

    status, _, response = await service.ask("DELETE", f"{API}/tasks/a", headers=KEY | condition)
    assert status == 204
    assert response.headers["Idempotency-Replayed"] == "true"
    assert (await service.get(f"{API}/tasks/a"))[0] == 200
    status, answer, _ = await service.ask("DELETE", f"{API}/tasks/b", headers=KEY | condition)
    assert (status, answer["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256])
async def test_what_is_no_key_is_refused(service: Running, key: str) -> None:
    status, answer, _ = await service.ask("POST", BATCH, json={"tasks": [task("a")]}, headers={"Idempotency-Key": key})
    assert (status, answer["code"]) == (400, "invalid_parameter")
    assert "Idempotency-Key" in answer["detail"]


async def test_the_longest_key_is_a_key() -> None:
    async with running() as service:
        headers = {"Idempotency-Key": "~!" + "x" * 253}
        for _ in range(2):
            assert (await service.ask("POST", BATCH, json={"tasks": [task("a")]}, headers=headers))[0] == 202
        assert await accepted(service) == 1

"""Logs over HTTP: taken in batches, with ids of their own or made ones, and found again."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from tests.integration.http.running import Running

LOGS = "/api/v1/logs"


def log(message: str = "m", level: str = "info", **fields):
    return {"level": level, "message": message, **fields}


async def messages(service: Running, question: str = "") -> list[str]:
    status, page, _ = await service.get(f"{LOGS}?consistency=strong&{question}")
    assert status == 200, page
    return [item["message"] for item in page["items"]]


async def test_a_log_comes_back_as_it_was_sent_with_its_defaults(service: Running) -> None:
    whole = log(
        *("The disk is full.", "error"),
        log_id="l1",
        service="translator",
        logger="app.disk",
        instance="eu-1",
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        session_id="s1",
        task_id="t1",
        context={"free": 0, "a": [1.0]},
        created_at="2026-11-24T16:30:00.000001Z",
    )
    status, answer, _ = await service.post(f"{LOGS}/batch", {"logs": [whole]})
    assert (status, answer["count"], answer["ack"]) == (202, 1, "journaled")
    status, found, response = await service.get(f"{LOGS}/l1")
    assert (status, {name: found[name] for name in whole}) == (200, whole)
    again = await service.get(f"{LOGS}/l1", headers={"If-None-Match": response.headers["ETag"]})
    assert again[0] == 304

    await service.post(f"{LOGS}/batch", {"logs": [log(log_id="l2")]})
    _, found, _ = await service.get(f"{LOGS}/l2")
    nulls = ("service", "logger", "instance", "trace_id", "session_id", "task_id")
    assert [found[name] for name in nulls] == [None] * len(nulls)
    assert found["context"] == {}


async def test_logs_without_an_id_get_one_that_the_verdict_names(service: Running) -> None:
    batch = {"logs": [log("one"), log("two"), log("three", log_id="own")]}
    status, answer, _ = await service.post(f"{LOGS}/batch?ack=stored&timeout=30", batch)
    assert status == 200
    keys = [result["key"] for result in answer["results"]]
    assert [UUID(key).version for key in keys[:2]] == [7, 7]
    assert keys[2] == "own"
    for key, message in zip(keys, ("one", "two", "three"), strict=True):
        assert (await service.get(f"{LOGS}/{key}"))[1]["message"] == message


async def test_a_request_that_is_sent_again_under_its_key_makes_no_second_log(service: Running) -> None:
    headers, batch = {"Idempotency-Key": '"k1"'}, {"logs": [log("once"), log("twice")]}
    first = await service.ask("POST", f"{LOGS}/batch?ack=stored&timeout=30", json=batch, headers=headers)
    again = await service.ask("POST", f"{LOGS}/batch?ack=stored&timeout=30", json=batch, headers=headers)
    assert again[2].headers["Idempotency-Replayed"] == "true"
    assert again[1]["results"] == first[1]["results"]
    assert sorted(await messages(service)) == ["once", "twice"]


async def test_lines_are_taken_too_and_bad_ones_are_named(service: Running) -> None:
    lines = [log("one"), log("two", "loud"), {"message": "no level"}, log("three")]
    body = "\n".join(map(json.dumps, lines)).encode()
    status, answer, _ = await service.send(f"{LOGS}/batch?on_error=continue", body, "application/x-ndjson")
    assert (status, answer["count"]) == (202, 2)
    assert [(error["line"], error["pointer"]) for error in answer["errors"]] == [(2, "/1/level"), (3, "/2/level")]
    assert sorted(await messages(service)) == ["one", "three"]


async def test_lists_begin_with_the_newest_and_take_every_filter(service: Running) -> None:
    logs = [
        log(f"m{n}", level, created_at=f"2026-11-2{n}T12:00:00Z", session_id=f"s{n % 2}", service="a" * n or None)
        for n, level in enumerate(("debug", "info", "warning", "error", "critical"))
    ]
    await service.post(f"{LOGS}/batch", {"logs": logs})
    assert await messages(service) == ["m4", "m3", "m2", "m1", "m0"]
    assert await messages(service, "level__in=error,critical") == ["m4", "m3"]
    assert await messages(service, "from_date=2026-11-21&to_date=2026-11-22") == ["m2", "m1"]
    assert await messages(service, "session_id=s1&level__ne=info") == ["m3"]
    assert await messages(service, "service__isnull=true") == ["m0"]
    assert await messages(service, "message__contains=m&sort_by=level&order=asc&page_size=2") == ["m4", "m0"]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"level": "WARN"}, "/logs/0/level", "invalid_value"),
        ({"message": "x" * 65_536}, "/logs/0/message", "invalid_value"),
        ({"message": "\u00e4" * 32_768}, "/logs/0/message", "too_large"),
        ({"message": None}, "/logs/0/message", "invalid_value"),
        ({"service": "x" * 256}, "/logs/0/service", "invalid_value"),
        ({"trace_id": "a\x01"}, "/logs/0/trace_id", "invalid_identifier"),
        ({"context": [1]}, "/logs/0/context", "invalid_value"),
        ({"context": {"a": "x" * 65_536}}, "/logs/0/context", "too_large"),
        ({"created_at": "2300-01-01T00:00:00Z"}, "/logs/0/created_at", "invalid_value"),
        ({"hostname": "h"}, "/logs/0/hostname", "unknown_field"),
    ],
)
async def test_what_breaks_a_rule_is_named_with_its_place(service: Running, fields, pointer, code) -> None:
    status, answer, _ = await service.post(f"{LOGS}/batch", {"logs": [log(**fields)]})
    assert (status, [(error["pointer"], error["code"]) for error in answer["errors"]]) == (422, [(pointer, code)])

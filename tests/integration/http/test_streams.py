from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from domain.model.observations import RecordsAccepted
from domain.model.policies import BufferPolicy
from entrypoints.http.body import Bodies
from tests.integration.http.running import API, Running, running, task

TASKS = f"{API}/tasks/batch"


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


async def send(service: Running, body: bytes, query: str = "", **headers: str) -> tuple[int, Any]:
    status, answer, _ = await service.send(f"{TASKS}{query}", body, "application/x-ndjson", **headers)
    return status, answer


async def test_a_stream_is_taken_in_frames_of_1000_lines(service: Running) -> None:
    status, answer = await send(service, lines(*[task(f"t{i}") for i in range(2500)]))
    assert (status, answer["count"], answer["receipt"]) == (202, 2500, answer["receipts"][-1])
    assert [seen.count for seen in service.observed.of(RecordsAccepted)] == [1000, 1000, 500]
    assert await service.stored() == 2500
    _, receipt, _ = await service.get(f"/api/v1/receipts/{answer['receipt']}")
    assert (receipt["state"], receipt["count"]) == ("applied", 2500)


async def test_frames_stay_below_8_mib(service: Running) -> None:
    text = "x" * 500_000
    status, answer = await send(service, lines(*[task(f"t{i}", source_text=text) for i in range(40)]))
    assert (status, answer["count"]) == (202, 40)
    assert all(seen.payload_bytes <= 8 * 1024 * 1024 for seen in service.observed.of(RecordsAccepted))
    assert service.services.bodies.in_flight == 0


async def test_blank_lines_carriage_returns_and_a_missing_last_newline_do_not_matter(service: Running) -> None:
    body = b"\n \r\n" + lines(task("t1")).replace(b"\n", b"\r\n") + b"\n\n" + lines(task("t2")).rstrip()
    status, answer = await send(service, body)
    assert (status, answer["count"]) == (202, 2)
    assert await service.stored() == 2


async def test_gzip_streams_are_read(service: Running) -> None:
    packed = gzip.compress(lines(*[task(f"t{i}", source_text=f"{i * 7919:x}" * 9) for i in range(3000)]))
    status, answer = await send(service, packed, **{"Content-Encoding": "gzip"})
    assert (status, answer["count"]) == (202, 3000)


async def test_a_bad_line_ends_the_stream_with_its_number_and_what_stays(service: Running) -> None:
    records = [task(f"t{i}") for i in range(1500)]
    records[1200]["status"] = "done"
    status, problem = await send(service, b"\n" + lines(*records))
    assert (status, problem["code"], problem["accepted"]) == (422, "invalid_records", 1000)
    (error,) = problem["errors"]
    assert (error["line"], error["pointer"]) == (1202, "/1201/status")
    assert "Line 1202" in problem["detail"]
    assert problem["detail"].endswith("The first 1,000 records are taken; send the others again.")
    assert await service.stored() == 1000


async def test_a_line_that_is_no_single_json_value_is_found(service: Running) -> None:
    good = json.dumps(task("t1")).encode()
    for bad in (
        b"nonsense",
        good + b"," + good,
        good[:-1],
        b'{"a": "\\u0000"}',
        b"[" * 40 + b"]" * 40,
        b"\xff",
        b'{"task_id": "x"',
    ):
        status, problem = await send(service, good + b"\n" + bad + b"\n" + good)
        assert (status, problem["accepted"], problem["errors"][0]["line"]) == (422, 0, 2), bad
        assert problem["detail"].endswith("Nothing was taken.")
    hidden = good[:-1] + b"\n" + b'"priority":1}\n'
    assert (await send(service, hidden))[1]["errors"][0]["line"] == 1
    assert await service.stored() == 0


async def test_a_stream_can_go_on_behind_bad_lines(service: Running) -> None:
    body = lines(task("t1")) + b"nonsense\n" + lines(task("t2", status="done"), task("t3"))
    status, answer = await send(service, body, "?on_error=continue")
    assert (status, answer["count"]) == (202, 2)
    assert sorted((error["line"], error["pointer"]) for error in answer["errors"]) == [(2, "/1"), (3, "/2/status")]
    assert await service.stored() == 2
    status, problem = await send(service, b"nonsense\n", "?on_error=continue")
    assert (status, problem["accepted"], problem["errors"][0]["line"]) == (422, 0, 1)


async def test_an_empty_stream_and_an_endless_line_are_refused(service: Running) -> None:
    assert (await send(service, b"\n\n"))[0] == 422
    status, problem = await send(service, lines(task("t1")) + b'"' + b"x" * 2_000_000)
    assert (status, problem["errors"][0]["line"]) == (422, 2)
    assert await service.stored() == 0


@pytest.mark.parametrize(("soft_share", "refusal"), [(1.0, (503, "buffer_full")), (0.5, (429, "slow_down"))])
async def test_a_full_buffer_ends_a_stream_and_says_what_stays(soft_share: float, refusal: tuple[int, str]) -> None:
    policy = BufferPolicy(max_bytes=1024 * 1024, soft_share=soft_share, linger_seconds=30, batch_records=5000)
    async with running(policy) as service:
        status, problem = await send(service, lines(*[task(f"t{i}") for i in range(4000)]))
        assert (status, problem["code"]) == refusal
        assert 0 < problem["accepted"] < 4000
        assert problem["accepted"] % 1000 == 0
        _, receipt, _ = await service.get(f"/api/v1/receipts/{problem['receipt']}")
        assert receipt["count"] == problem["accepted"]


async def test_a_stream_holds_a_frame_at_a_time() -> None:
    async with running(bodies=Bodies(capacity=2_000_000)) as service:
        lines = b"".join(json.dumps(task(f"t{n}", source_text="x" * 500)).encode() + b"\n" for n in range(10_000))
        status, found, _ = await service.send(f"{API}/tasks/batch", lines, "application/x-ndjson")
        assert (status, found["count"]) == (202, 10_000)

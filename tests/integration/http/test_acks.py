"""What an answer means: `ack=accepted|journaled|stored`."""

from __future__ import annotations

import asyncio
import json

import pytest

from domain.errors import BackendUnavailable, JournalUnreachable
from domain.model.translation import TASKS
from tests.integration.http.running import API, Running, running, task

BATCH = f"{API}/tasks/batch"
LONG_AGO, LATER = "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"


async def test_stored_answers_with_a_verdict_for_each_record(service: Running) -> None:
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("old"), task("gone")]})
    assert (await service.ask("DELETE", f"{API}/tasks/gone"))[0] == 204
    batch = [task("new"), task("old", updated_at=LONG_AGO), task("gone", updated_at=LONG_AGO)]
    batch += [task("twice", priority=1, updated_at=LONG_AGO), task("twice", priority=2, updated_at=LATER)]

    status, answer, response = await service.post(f"{BATCH}?ack=stored&timeout=9.5", {"tasks": batch})

    assert (status, answer["status"], answer["count"]) == (200, "stored", 5)
    found = [(item["index"], item["key"], item["verdict"]) for item in answer["results"]]
    assert found == [
        (0, "new", "stored"),
        (1, "old", "stale"),
        (2, "gone", "stale"),
        (3, "twice", "superseded"),
        (4, "twice", "stored"),
    ]
    for item in answer["results"]:
        assert (item["revision"] is not None) == (item["verdict"] == "stored")
        assert ("problem" in item) == (item["verdict"] != "stored")
    _, new, _ = await service.get(f"{API}/tasks/new")
    assert new["revision"] == answer["results"][0]["revision"]
    _, receipt, _ = await service.get(response.headers["Location"])
    assert receipt["state"] == "applied"
    assert [item["index"] for item in receipt["exceptions"]] == [1, 2, 3]


async def test_verdicts_are_computed_for_those_who_wait_and_nobody_else(service: Running) -> None:
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task("a")]})
    _, silent, _ = await service.post(BATCH, {"tasks": [task("a", updated_at=LONG_AGO), task("b")]})
    _, told, _ = await service.post(f"{BATCH}?ack=stored", {"tasks": [task("a", updated_at=LATER)]})

    assert [item["verdict"] for item in told["results"]] == ["stale"]
    _, receipt, _ = await service.get(f"/api/v1/receipts/{silent['receipt']}")
    assert receipt["exceptions"] == []


async def test_not_stored_in_time_is_an_answer_with_the_level_that_was_reached() -> None:
    async with running() as service:
        service.backend.write = refusing = Refusing(service.backend.write)
        status, answer, _ = await service.post(f"{BATCH}?ack=stored&timeout=0.05", {"tasks": [task("t1")]})
        assert (status, answer["status"], answer["ack"]) == (202, "accepted", "journaled")
        assert "results" not in answer

        refusing.healed = True
        await service.services.flush.flush([TASKS], 5.0)
        _, receipt, _ = await service.get(f"/api/v1/receipts/{answer['receipt']}")
        assert receipt["state"] == "applied"


async def test_verdicts_that_cannot_be_read_now_do_not_deny_that_the_records_are_taken() -> None:
    async with running() as service:
        receipts = service.services.intake._receipts
        service.services.intake._receipts = Away()
        status, answer, _ = await service.post(f"{BATCH}?ack=stored", {"tasks": [task("t1")]})
        assert (status, answer["status"], answer["ack"]) == (202, "accepted", "journaled")

        service.services.intake._receipts = receipts
        _, receipt, _ = await service.get(f"/api/v1/receipts/{answer['receipt']}")
        assert receipt["state"] == "applied"


class Away:
    async def exceptions(self, *_):
        raise JournalUnreachable("Redis cannot be used.", retry_after=1.0)


class Refusing:
    def __init__(self, write) -> None:
        self.write, self.healed = write, False

    async def __call__(self, *args, **options):
        if not self.healed:
            raise BackendUnavailable
        return await self.write(*args, **options)


async def test_a_held_collection_does_not_stretch_the_wait(service: Running) -> None:
    await service.ask("POST", "/api/v1/system/buffers/translation_tasks/hold?seconds=30")
    async with asyncio.timeout(5):
        status, answer, _ = await service.post(f"{BATCH}?ack=stored&timeout=0.1", {"tasks": [task()]})
    assert (status, answer["ack"]) == (202, "journaled")
    await service.ask("POST", "/api/v1/system/buffers/translation_tasks/release")


async def test_accepted_says_so_and_is_shown_and_stored_like_all(service: Running) -> None:
    status, answer, _ = await service.post(f"{BATCH}?ack=accepted", {"tasks": [task("hasty")]})
    assert (status, answer["ack"]) == (202, "accepted")
    assert (await service.get(f"{API}/tasks/hasty"))[0] == 200
    assert await service.stored() == 1


async def test_refused_records_are_named_beside_the_verdicts_of_the_others(service: Running) -> None:
    batch = [task("a"), task("b", status="lost"), task("c")]
    status, answer, _ = await service.post(f"{BATCH}?ack=stored&on_error=continue", {"tasks": batch})
    assert status == 200
    assert [item["key"] for item in answer["results"]] == ["a", "c"]
    assert [item["pointer"] for item in answer["errors"]] == ["/tasks/1/status"]


async def test_a_stream_can_be_answered_for_as_stored(service: Running) -> None:
    lines = b"\n".join(json.dumps(task(f"t{n:04}", updated_at=LONG_AGO)).encode() for n in (*range(1500), 7))
    status, answer, _ = await service.send(f"{BATCH}?ack=stored&timeout=30", lines, "application/x-ndjson")
    assert (status, answer["status"], answer["count"]) == (200, "stored", 1501)
    results = answer["results"]
    assert [item["index"] for item in results] == list(range(1501))
    assert results[1500]["key"] == "t0007"
    assert {results[7]["verdict"], results[1500]["verdict"]} <= {"stored", "superseded"}
    assert await service.stored() == 1500


async def test_a_stream_of_more_than_a_batch_cannot(service: Running) -> None:
    lines = b"\n".join(json.dumps(task(f"t{n:05}")).encode() for n in range(10_001))
    status, answer, _ = await service.send(f"{BATCH}?ack=stored", lines, "application/x-ndjson")
    assert (status, answer["code"], answer["accepted"]) == (413, "payload_too_large", 10_000)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("ack=fsynced", "`ack` is one of: journaled, accepted, stored"),
        ("ack=", "`ack` is one of"),
        ("ack=stored&ack=stored", "`ack` stands twice"),
        ("timeout=5", "`timeout` belongs to `ack=stored`"),
        ("ack=accepted&timeout=5", "`timeout` belongs to `ack=stored`"),
        ("ack=stored&timeout=0", "above 0, at most 60"),
        ("ack=stored&timeout=61", "above 0, at most 60"),
        ("ack=stored&timeout=nan", "above 0, at most 60"),
        ("ack=stored&timeout=soon", "above 0, at most 60"),
    ],
)
async def test_an_impossible_level_or_time_is_named_and_nothing_is_taken(service: Running, query, named) -> None:
    status, answer, _ = await service.post(f"{BATCH}?{query}", {"tasks": [task()]})
    assert (status, answer["code"]) == (400, "invalid_parameter")
    assert named in answer["detail"]
    assert await service.stored() == 0


@pytest.mark.parametrize("receipt", ["1.translation_tasks.1.1-2", "1.translation_tasks.9.1-1", "1.tasks.1.1-1", "1"])
async def test_a_receipt_that_was_never_given_is_unknown(service: Running, receipt: str) -> None:
    await service.post(f"{BATCH}?ack=stored", {"tasks": [task()]})
    assert (await service.get(f"/api/v1/receipts/{receipt}"))[0] == 404
    assert (await service.get("/api/v1/receipts/1.translation_tasks.1.1-1"))[0] == 200

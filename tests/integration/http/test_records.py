from __future__ import annotations

import gzip
import json

import pytest

from domain.model.observations import RequestServed
from domain.model.translation import TASKS
from tests.integration.http.running import API, Running, session, task


async def test_a_batch_is_acknowledged_with_a_receipt_that_tells_what_became_of_it(service: Running) -> None:
    status, answer, response = await service.post(f"{API}/tasks/batch", {"tasks": [task("t1"), task("t2")]})
    assert status == 202
    assert response.headers["Location"] == f"/api/v1/receipts/{answer['receipt']}"
    assert answer == {"status": "accepted", "count": 2, "receipt": answer["receipt"], "ack": "journaled"}
    await service.post("/api/v1/system/flush", None)
    status, receipt, _ = await service.get(response.headers["Location"])
    assert (status, receipt) == (
        200,
        {"receipt": answer["receipt"], "state": "applied", "count": 2, "exceptions": []},
    )


async def test_a_record_comes_back_whole_with_defaults_six_digit_times_and_its_metadata_as_sent(
    service: Running,
) -> None:
    body = (
        '{"tasks":[{"task_id":"t/ü 1","session_id":"s1","status":"pending","source_text":"a","source_lang":"en",'
        '"target_lang":"de","metadata":{"z": 1.0, "a":  [1e3]},"created_at":"2026-01-02T03:04:05+02:00",'
        '"updated_at":"2026-01-02T03:04:05.25Z"}]}'
    )
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    status, _, _ = await service.ask("POST", f"{API}/tasks/batch", data=body.encode(), headers=headers)
    assert status == 202
    status, text, _ = await service.ask("GET", f"{API}/tasks/t%2F%C3%BC%201")
    assert status == 200
    assert list(text) == [field.name for field in TASKS.fields] + ["revision"]
    assert text["created_at"] == "2026-01-02T01:04:05.000000Z"
    assert text["updated_at"] == "2026-01-02T03:04:05.250000Z"
    assert (text["batch_id"], text["priority"], text["translated_text"]) == (None, 0, None)
    assert isinstance(text["revision"], str)
    assert b'"metadata":{"z": 1.0, "a":  [1e3]}' in service.last


async def test_gzip_bodies_are_read(service: Running) -> None:
    packed = gzip.compress(json.dumps({"sessions": [session()]}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await service.ask("POST", f"{API}/sessions/batch", data=packed, headers=headers))[0] == 202
    assert (await service.get(f"{API}/sessions/s1"))[0] == 200


async def test_one_bad_record_refuses_the_batch_unless_the_caller_goes_on(service: Running) -> None:
    tasks = [task(f"t{i}") for i in range(100)]
    tasks[3]["status"] = "done"
    status, answer, _ = await service.post(f"{API}/tasks/batch", {"tasks": tasks})
    assert status == 422
    assert [error["pointer"] for error in answer["errors"]] == ["/tasks/3/status"]
    assert await service.stored() == 0
    status, answer, _ = await service.post(f"{API}/tasks/batch?on_error=continue", {"tasks": tasks})
    assert (status, answer["count"]) == (202, 99)
    assert [error["pointer"] for error in answer["errors"]] == ["/tasks/3/status"]
    assert await service.stored() == 99
    status, answer, _ = await service.post(f"{API}/tasks/batch?on_error=continue", {"tasks": [tasks[3]]})
    assert (status, answer["errors"][0]["pointer"]) == (422, "/tasks/0/status")


async def test_a_session_shows_how_far_its_tasks_are(service: Running) -> None:
    await service.post(f"{API}/sessions/batch", {"sessions": [session()]})
    tasks = [task("t1", status="completed"), task("t2"), task("t3", "another")]
    await service.post(f"{API}/tasks/batch", {"tasks": tasks})
    assert await service.stored() == 4
    status, found, _ = await service.get(f"{API}/sessions/s1")
    assert (status, found["session_id"]) == (200, "s1")
    assert found["tasks"] == {
        "counts": {"pending": 1, "processing": 0, "completed": 1, "failed": 0},
        "total": 2,
        "progress": 0.5,
        "pending": 0,
    }
    status, listed, _ = await service.get(f"{API}/sessions/s1/tasks?status=pending")
    assert [item["task_id"] for item in listed["items"]] == ["t2"]
    assert (await service.get(f"{API}/sessions/nobody/tasks"))[1]["items"] == []


async def test_a_patch_changes_what_it_names_and_answers_with_the_record(service: Running) -> None:
    await service.post(f"{API}/tasks/batch", {"tasks": [task(metadata={"a": 1, "b": 2})]})
    headers = {"Content-Type": "application/merge-patch+json"}
    patch = json.dumps({"status": "completed", "translated_text": "eins", "metadata": {"b": None}})
    status, found, response = await service.ask("PATCH", f"{API}/tasks/t1", data=patch, headers=headers)
    assert status == 200
    assert (found["status"], found["translated_text"], found["metadata"]) == ("completed", "eins", {"a": 1})
    assert response.headers["ETag"] == (await service.get(f"{API}/tasks/t1"))[2].headers["ETag"]
    status, problem, _ = await service.ask("PATCH", f"{API}/tasks/t1", json={"status": "done"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/status")
    assert (await service.ask("PATCH", f"{API}/tasks/t9", json={"status": "failed"}))[0] == 404


async def test_a_batch_of_patches_answers_with_a_verdict_for_each(service: Running) -> None:
    await service.post(f"{API}/tasks/batch", {"tasks": [task("t1"), task("t2")]})
    changes = [{"task_id": "t1", "status": "failed"}, {"task_id": "t9", "status": "failed"}]
    status, answer, _ = await service.ask("PATCH", f"{API}/tasks/batch", json={"tasks": changes})
    assert status == 200
    stored, absent = answer["results"]
    assert (stored["index"], stored["key"], stored["verdict"]) == (0, "t1", "stored")
    assert stored["revision"] == (await service.get(f"{API}/tasks/t1"))[1]["revision"]
    assert (absent["index"], absent["key"], absent["verdict"], absent["revision"]) == (1, "t9", "not_found", None)
    assert absent["problem"]["code"] == "record_not_found"
    changes[0]["status"] = "done"
    status, problem, _ = await service.ask("PATCH", f"{API}/tasks/batch", json={"tasks": changes})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/tasks/0/status")


async def test_a_deleted_record_is_gone_from_every_answer(service: Running) -> None:
    await service.post(f"{API}/tasks/batch", {"tasks": [task()]})
    status, body, _ = await service.ask("DELETE", f"{API}/tasks/t1")
    assert (status, body) == (204, b"")
    assert (await service.get(f"{API}/tasks/t1"))[0] == 404
    assert (await service.ask("DELETE", f"{API}/tasks/t1"))[0] == 404
    assert (await service.get(f"{API}/tasks?consistency=strong"))[1]["items"] == []


async def test_tags_protect_single_records(service: Running) -> None:
    await service.post(f"{API}/tasks/batch", {"tasks": [task()]})
    old = (await service.get(f"{API}/tasks/t1"))[2].headers["ETag"]
    assert (await service.get(f"{API}/tasks/t1", headers={"If-None-Match": f'"x", W/{old}'}))[0] == 304
    assert (await service.ask("PATCH", f"{API}/tasks/t1", json={"priority": 1}, headers={"If-Match": old}))[0] == 200
    assert (await service.get(f"{API}/tasks/t1", headers={"If-None-Match": old}))[0] == 200
    for method, options in (("PATCH", {"json": {"priority": 2}}), ("DELETE", {})):
        status, problem, response = await service.ask(method, f"{API}/tasks/t1", headers={"If-Match": old}, **options)
        assert (status, problem["code"], problem["current"]["priority"]) == (412, "precondition_failed", 1)
    new = response.headers["ETag"]
    assert (await service.ask("DELETE", f"{API}/tasks/t1", headers={"If-Match": f"W/{new}"}))[0] == 412
    assert (await service.ask("DELETE", f"{API}/tasks/t1", headers={"If-Match": "new"}))[0] == 400
    assert (await service.ask("DELETE", f"{API}/tasks/t1", headers={"If-Match": f'"x", {new}'}))[0] == 204
    assert (await service.ask("DELETE", f"{API}/tasks/t1", headers={"If-Match": "*"}))[0] == 412


async def test_a_sessions_tag_changes_with_its_tasks_and_still_protects_the_session(service: Running) -> None:
    await service.post(f"{API}/sessions/batch", {"sessions": [session()]})
    old = (await service.get(f"{API}/sessions/s1"))[2].headers["ETag"]
    await service.post(f"{API}/tasks/batch", {"tasks": [task()]})
    await service.stored()
    assert (await service.get(f"{API}/sessions/s1", headers={"If-None-Match": old}))[0] == 200
    assert (await service.ask("PATCH", f"{API}/sessions/s1", json={"name": "n"}, headers={"If-Match": old}))[0] == 200
    assert (await service.ask("PATCH", f"{API}/sessions/s1", json={"name": "m"}, headers={"If-Match": old}))[0] == 412


async def test_incomplete_sessions_are_listed_and_restored_with_all_their_unfinished_tasks(service: Running) -> None:
    sessions = [session("s1"), session("s2", status="completed"), session("s3", status="pending")]
    await service.post(f"{API}/sessions/batch", {"sessions": sessions})
    tasks = [task(f"t{i:04}", status="completed" if i % 2 else "pending", metadata={"i": i}) for i in range(5000)]
    assert (await service.post(f"{API}/tasks/batch", {"tasks": tasks}))[0] == 202
    assert await service.stored() == 5003
    _, listed, _ = await service.get(f"{API}/recovery/incomplete-sessions?sort_by=session_id")
    assert [item["session_id"] for item in listed["items"]] == ["s1", "s3"]
    status, found, _ = await service.post(f"{API}/recovery/restore/s1", None)
    assert (status, found["lease"], found["session"]["session_id"]) == (200, None, "s1")
    assert [item["task_id"] for item in found["tasks"]] == [f"t{i:04}" for i in range(0, 5000, 2)]
    assert found["statistics"]["progress"] == 0.5
    assert found["restored_at"].endswith("Z")
    assert (await service.post(f"{API}/recovery/restore/s3", None))[1]["tasks"] == []
    status, problem, _ = await service.post(f"{API}/recovery/restore/s2", None)
    assert (status, problem["code"]) == (409, "session_finished")
    assert (await service.post(f"{API}/recovery/restore/s9", None))[0] == 404


async def test_request_id_and_trace_go_through_and_one_observation_names_the_template(service: Running) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"X-Request-Id": "mine-1", "traceparent": trace}
    _, problem, response = await service.get(f"{API}/sessions/s9", headers=headers)
    assert (response.headers["X-Request-Id"], problem["request_id"]) == ("mine-1", "mine-1")
    (seen,) = service.observed.of(RequestServed)
    assert seen.endpoint == f"{API}/sessions/{{session_id}}"
    assert (seen.method, seen.status, seen.error, seen.session_id) == ("GET", 404, "record_not_found", "s9")
    assert (seen.trace.trace_id, seen.trace.sampled) == ("0af7651916cd43dd8448eb211c80319c", True)
    _, _, response = await service.get("/health/live", headers={"X-Request-Id": "bad id\t", "traceparent": "00-0-0-0"})
    assert response.headers["X-Request-Id"] != "bad id\t"
    await service.get(f"{API}/tasks?session_id=s7")
    await service.get(f"{API}/sessions?user_id=u7")
    told = [(seen.session_id, seen.user_id) for seen in service.observed.of(RequestServed)]
    assert told == [("s9", None), (None, None), ("s7", None), (None, "u7")]
    assert response.headers["Server"] == ""


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [
        ("POST", "tasks/batch", "If-Match"),
        ("POST", "tasks/batch", "If-None-Match"),
        ("PATCH", "tasks/batch", "If-Match"),
        ("PATCH", "tasks/t1", "If-None-Match"),
        ("DELETE", "tasks/t1", "If-None-Match"),
    ],
)
async def test_a_condition_that_is_not_looked_at_is_refused(
    service: Running, method: str, path: str, header: str
) -> None:
    await service.post(f"{API}/tasks/batch", {"tasks": [task("t1")]})
    body = None if method == "DELETE" else {"status": "failed"}
    status, problem, _ = await service.ask(method, f"{API}/{path}", json=body, headers={header: "*"})
    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert header in problem["detail"]
    assert (await service.get(f"{API}/tasks/t1"))[1]["status"] == "pending"

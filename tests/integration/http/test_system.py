from __future__ import annotations

import asyncio
from typing import Any

from adapters.memory.backend import MemoryBackend
from domain.errors import BackendUnavailable, JournalFailed
from domain.model.observations import BufferMeasured, RequestFailed, RequestServed
from domain.model.policies import BufferPolicy
from domain.model.records import HealthStatus
from tests.integration.http.running import API, Running, running, session, task


async def test_the_root_names_version_links_limits_and_abilities(service: Running) -> None:
    status, found, _ = await service.get("/")
    assert (status, found["version"]) == (200, "0.0.0")
    assert found["links"][f"{API}/tasks/{{task_id}}"] == ["DELETE", "GET", "HEAD", "PATCH"]
    assert found["limits"]["batch_records"] == 10_000
    assert "counting" in found["abilities"]["translation_tasks"]


async def test_a_json_answer_ends_its_line_as_a_shell_likes_it(service: Running) -> None:
    await service.post(f"{API}/sessions/batch", {"sessions": [session()]})
    assert service.last.endswith(b"}\n")
    asked = [("GET", "/"), ("GET", "/nowhere"), ("GET", "/openapi.json"), ("POST", f"{API}/recovery/restore/s1")]
    for method, path in asked:
        await service.ask(method, path)
        assert service.last.endswith(b"}\n")


async def test_live_and_ready_say_so(service: Running) -> None:
    assert (await service.get("/health/live"))[1] == {"status": "live"}
    assert (await service.get("/health/ready"))[1] == {"status": "ready"}
    await service.services.buffer.stop()
    status, problem, response = await service.get("/health/ready")
    assert (status, problem["code"], response.headers["Retry-After"]) == (503, "unavailable", "1")
    assert (await service.get("/health/live"))[0] == 200
    status, problem, _ = await service.post(f"{API}/tasks/batch", {"tasks": [task()]})
    assert (status, problem["code"]) == (503, "draining")


async def test_a_failed_journal_is_not_ready(service: Running) -> None:
    service.services.buffer.failed = True
    status, problem, _ = await service.get("/health/ready")
    assert (status, problem["code"]) == (503, JournalFailed.code)
    assert (await service.get("/api/v1/system/health"))[1]["status"] == "not_ready"


async def test_health_shows_journal_backends_and_lanes(service: Running) -> None:
    _, found, _ = await service.get("/api/v1/system/health")
    assert found["status"] == "ok"
    assert found["journal"] == {"accepting": True, "replaying": False}
    assert found["backends"]["main"]["healthy"] is True
    assert found["collections"]["translation_tasks"]["paused"] is False


class Sick(MemoryBackend):
    async def health_check(self) -> HealthStatus:
        return HealthStatus(healthy=False, detail="gone", latency_seconds=0.00045678912)

    async def query(self, collection: Any, query: Any) -> Any:
        raise BackendUnavailable("Nobody answers.")

    async def read(self, collection: Any, key: str) -> Any:
        raise ZeroDivisionError("a secret detail")

    async def write(self, *args: Any, **options: Any) -> Any:
        raise BackendUnavailable("Nobody answers.")


async def test_a_sick_backend_degrades_the_service_and_stays_ready() -> None:
    async with running(backend=Sick(), policy=BufferPolicy(read_deadline_seconds=0.1)) as service:
        _, found, _ = await service.get("/api/v1/system/health")
        assert found["status"] == "degraded"
        assert found["backends"] == {"main": {"healthy": False, "detail": "gone", "latency_seconds": 0.000457}}
        assert (await service.get("/health/ready"))[0] == 200
        status, problem, response = await service.get(f"{API}/tasks")
        assert (status, problem["code"], response.headers["Retry-After"]) == (503, "backend_unavailable", "1")
        assert (await service.post(f"{API}/tasks/batch", {"tasks": [task()]}))[0] == 202
        status, problem, _ = await service.ask("POST", "/api/v1/system/flush?timeout=0.1")
        assert (status, problem["code"]) == (503, "flush_incomplete")
        assert "translation_tasks" in problem["detail"]


async def test_a_flush_takes_no_longer_than_it_was_given_though_a_collection_is_held() -> None:
    async with running(policy=BufferPolicy(read_deadline_seconds=0.1)) as service:
        buffers = "/api/v1/system/buffers/translation_tasks"
        assert (await service.ask("POST", f"{buffers}/hold?seconds=60"))[0] == 200
        assert (await service.post(f"{API}/tasks/batch", {"tasks": [task()]}))[0] == 202
        status, problem, _ = await service.ask("POST", "/api/v1/system/flush?timeout=0.1")
        assert (status, problem["code"]) == (503, "flush_incomplete")
        listed = asyncio.create_task(service.get(f"{API}/tasks?consistency=strong"))
        await asyncio.sleep(0.3)
        assert not listed.done()  # it loses no time by the hold
        assert (await service.ask("POST", f"{buffers}/release"))[0] == 200
        assert (await listed)[1]["total"] == 1


async def test_a_backend_is_prepared_by_its_name() -> None:
    async with running() as service:
        path = "/api/v1/system/buffers/translation_tasks/prepare"
        status, found, _ = await service.ask("POST", f"{path}?towards=main&seconds=0.01")
        assert (status, found["prepared"], found["prepared_seconds"]) == (200, "main", 0.01)
        for query, wanted, code in (("", 400, "invalid_parameter"), ("?towards=x", 422, "invalid_configuration")):
            status, problem, _ = await service.ask("POST", path + query)
            assert (status, problem["code"]) == (wanted, code)


async def test_who_follows_a_collection_is_told_what_was_written_to_its_backend() -> None:
    async with running(BufferPolicy(linger_seconds=0)) as service:
        path = "/api/v1/system/buffers/translation_tasks/follow"
        status, begun, _ = await service.ask("POST", path)
        assert (status, begun["keys"]) == (200, [])
        assert (await service.post(f"{API}/tasks/batch", {"tasks": [task(), task("t2")]}))[0] == 202
        assert (await service.ask("POST", "/api/v1/system/flush"))[0] == 200
        assert (await service.ask("POST", f"{path}?follow={begun['follow']}"))[1]["keys"] == ["t1", "t2"]
        status, problem, _ = await service.ask("POST", f"{path}?follow=other")
        assert (status, problem["code"]) == (409, "conflict")


async def test_a_bug_is_a_500_that_tells_nothing_and_a_traceback_in_the_log() -> None:
    async with running(backend=Sick()) as service:
        status, problem, _ = await service.get(f"{API}/tasks/t1")
        assert (status, problem["code"]) == (500, "internal_error")
        assert b"secret" not in service.last
        (failed,) = service.observed.of(RequestFailed)
        assert "a secret detail" in failed.traceback
        assert failed.request_id == problem["request_id"]


async def test_stats_and_buffers_count_what_is_stored_and_what_waits() -> None:
    async with running(BufferPolicy(linger_seconds=30)) as service:
        await service.post(f"{API}/sessions/batch", {"sessions": [session()]})
        await service.post(f"{API}/tasks/batch", {"tasks": [task("t1"), task("t2", status="failed")]})
        _, found, _ = await service.get("/api/v1/system/buffers")
        waiting = found["buffers"]["translation_tasks"]
        assert (waiting["records"], waiting["head"], waiting["committed"]) == (2, 2, 0)
        assert waiting["oldest_accepted_at"].endswith("Z")
        assert waiting["flush"]["batch_records"] == 1000
        _, found, _ = await service.get("/api/v1/system/stats")
        assert found["collections"]["translation_tasks"] == {
            "stored": 0,
            "by_status": {},
            "pending": 2,
            "accepted": 2,
        }
        assert (await service.ask("POST", "/api/v1/system/flush?timeout=5"))[1] == {"status": "flushed"}
        _, found, _ = await service.get("/api/v1/system/stats")
        assert found["collections"]["translation_tasks"]["by_status"] == {"pending": 1, "failed": 1}


async def test_info_describes_the_process_and_its_collections(service: Running) -> None:
    _, found, _ = await service.get("/api/v1/system/info")
    assert (found["instance"], found["data_dir"], found["started_at"][-1]) == (1, "nowhere", "Z")
    assert [collection["backend"] for collection in found["collections"]] == ["main"] * 5


async def test_the_metrics_page_measures_what_waits() -> None:
    async with running(BufferPolicy(linger_seconds=30)) as service:
        await service.post(f"{API}/tasks/batch", {"tasks": [task("t1"), task("t2")]})
        await service.get("/metrics")
        measured = {seen.noun: seen.records for seen in service.observed.of(BufferMeasured)}
        assert measured == {"session": 0, "task": 2, "file": 0, "user": 0, "log": 0}


async def test_metrics_are_the_page_that_was_rendered(service: Running) -> None:
    status, page, response = await service.get("/metrics")
    assert (status, page) == (200, b"persistence_data_loss_total 0.0\n")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_a_scrape_that_asks_for_open_metrics_gets_them(service: Running) -> None:
    accepted = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    status, page, response = await service.get("/metrics", headers={"Accept": accepted})
    assert (status, page) == (200, b"# EOF\n")
    assert response.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"


async def test_a_problem_and_all_that_is_observed_of_its_request_have_the_trace_of_its_caller(service: Running) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    _, problem, _ = await service.get(f"{API}/tasks/t1", headers=sent)
    assert problem["trace_id"] == trace
    assert {seen.trace.trace_id for seen in service.observed.of(RequestServed)} == {trace}
    _, other, _ = await service.get(f"{API}/tasks/t1")
    assert other["trace_id"] not in (trace, problem["request_id"])


async def test_every_problem_explains_itself_at_its_type(service: Running) -> None:
    _, problem, _ = await service.get(f"{API}/tasks/t1")
    status, found, _ = await service.get(problem["type"])
    assert status == 200
    assert (found["code"], found["status"], found["cure"]) == ("record_not_found", 404, problem["cure"])
    moving = {name: found["example"][name] for name in ("detail", "request_id", "trace_id", "instance")}
    assert found["example"] == {**problem, **moving}

"""One batch from its request to its row, as a collector of traces sees it; and collectors that are away or ill."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from tests.e2e.api import ROOT, Api, Json
from tests.e2e.collector import Collector, Span
from tests.e2e.keys import ASKING, made
from tests.e2e.service import Service, free_port
from tests.e2e.shared_loop import WorkerProcess, migrate, shared_settings
from tests.e2e.stores import settings_of

pytestmark = pytest.mark.slow

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "congo=t61rcWkgMzE"}
POSTED = f"POST {ROOT}/tasks/batch"
SECRET = "What nobody else may read"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


def traced(collector: Collector) -> dict[str, str]:
    return {"PERSISTENCE__TRACING__ENDPOINT": collector.endpoint}


def batch(count: int = 3, **fields: Json) -> Json:
    one = {
        "session_id": "s1",
        "status": "pending",
        "source_text": SECRET,
        "source_lang": "en",
        "target_lang": "de",
    } | fields
    return {"tasks": [{"task_id": f"t{number}"} | one for number in range(count)]}


async def post(api: Api, body: Json, **headers: str) -> None:
    reply = await api.send("POST", f"{ROOT}/tasks/batch", body=body, headers=headers)
    assert reply.status == 202, reply


async def assert_whole(collector: Collector, system: str) -> tuple[Span, Span, Span, Span]:
    """The spans of one batch of three tasks hang together."""
    request, append, flush, statement = await collector.wait_for(
        POSTED, "buffer_append_tasks", "batch_persist_tasks", "write translation_tasks"
    )
    assert (request.trace_id, request.parent_id, request.kind) == (TRACE, CALLER, 2)
    assert request.state == SENT["tracestate"]
    assert request.attributes["http.request.method"] == "POST"
    assert request.attributes["http.route"] == f"{ROOT}/tasks/batch"
    assert request.attributes["http.response.status_code"] == 202
    assert (append.trace_id, append.parent_id) == (TRACE, request.span_id)
    assert append.attributes["task_count"] == 3
    assert append.end <= request.end
    assert flush.links == ((TRACE, request.span_id),)
    assert (flush.trace_id != TRACE, flush.parent_id) == (True, "")
    assert (flush.attributes["task_count"], flush.attributes["buffer_size"]) == (3, 3)
    assert (statement.trace_id, statement.parent_id, statement.kind) == (flush.trace_id, flush.span_id, 3)
    assert statement.attributes["db.system.name"] == system
    assert statement.attributes["db.operation.name"] == "write"
    assert statement.end <= flush.end
    assert all(0 < span.begin <= span.end for span in collector.spans)
    assert len({span.span_id for span in collector.spans}) == len(collector.spans)
    return request, append, flush, statement


async def test_the_way_of_a_batch_into_the_embedded_database_is_one_picture(tmp_path, collector):
    settings = traced(collector) | {"PERSISTENCE__TRACING__HEADERS": "authorization=Bearer abc, x-tenant=7"}
    service = Service(tmp_path, settings=settings)
    async with service, Api(service.url) as api:
        await post(api, batch(), **SENT)
        request, _, flush, _ = await assert_whole(collector, "sqlite")
        assert request.service == flush.service
        assert request.service["service.name"] == "persistence"
        assert await service.stop() == 0
    assert {(sent["Authorization"], sent["x-tenant"]) for sent in collector.headers} == {("Bearer abc", "7")}
    assert SECRET not in repr(collector.spans)
    assert "abc" not in service.log_end()


async def test_the_way_of_a_batch_through_the_worker_process_is_one_picture(tmp_path, collector, databases):
    settings = settings_of("postgres", databases("postgres"))
    migrate(settings, tmp_path)
    service = Service(tmp_path, settings=settings | traced(collector))
    async with service, Api(service.url) as api:
        (worker,) = service.children()
        await post(api, batch(), **SENT)
        request, _, flush, statement = await assert_whole(collector, "postgresql")
        assert request.service["process.pid"] == service.process.pid
        assert flush.service["process.pid"] == statement.service["process.pid"] == worker
        assert len(collector.named("batch_persist_tasks")) == 1
        assert await service.stop() == 0


async def test_the_way_of_a_batch_through_a_shared_buffer_is_one_picture(tmp_path, collector, databases):
    settings = shared_settings("postgres", databases("postgres"), databases("redis"))
    migrate(settings, tmp_path)
    settings |= traced(collector)
    service, worker = Service(tmp_path, settings=settings), WorkerProcess(tmp_path, settings, 0)
    async with service, Api(service.url) as api:
        worker.spawn()
        try:
            await asyncio.to_thread(worker.settle)
            await post(api, batch(), **SENT)
            request, _, flush, _ = await assert_whole(collector, "postgresql")
            assert request.service["process.pid"] != flush.service["process.pid"]
        finally:
            assert worker.end(signal.SIGTERM) == 0


async def test_a_flush_after_a_kill_is_linked_to_the_requests_before_it(tmp_path, collector):
    patient = {"PERSISTENCE__BUFFER__LINGER_SECONDS": "30", "PERSISTENCE__BUFFER__MAX_AGE_SECONDS": "30"}
    service = Service(tmp_path, settings=traced(collector) | patient)
    async with service, Api(service.url) as api:
        await post(api, batch(), **SENT)
        (request,) = await collector.wait_for(POSTED)
        assert collector.named("batch_persist_tasks") == []
        await service.start()  # which kills the one before
        await api.flush()
        (flush,) = await collector.wait_for("batch_persist_tasks")
        assert flush.links == ((TRACE, request.span_id),)


async def test_who_is_not_let_in_leaves_no_span_whatever_they_ask_for(tmp_path, collector):
    settings = traced(collector) | ASKING | {"PERSISTENCE__QUOTAS__ANONYMOUS_PER_MINUTE": "3"}
    known = {"X-API-Key": made(tmp_path, settings, "write")}
    service = Service(tmp_path, settings=settings)
    async with service, Api(service.url) as api:
        await post(api, batch(), **(SENT | known))
        for status in (401, 401, 429):
            assert (await api.send("POST", f"{ROOT}/tasks/batch", body=batch(), headers=SENT)).status == status
        assert (await api.send("GET", "/health/live", headers=SENT)).status == 200
        assert (await api.send("GET", f"{ROOT}/tasks", headers=SENT | known)).status == 403
        await collector.wait_for(POSTED, f"GET {ROOT}/tasks")
        assert await service.stop() == 0
    served = [(span.name, span.attributes["http.response.status_code"]) for span in collector.spans if span.kind == 2]
    assert sorted(served) == [(f"GET {ROOT}/tasks", 403), (POSTED, 202)]


async def test_only_what_its_caller_or_chance_has_chosen_is_traced(tmp_path, collector):
    service = Service(tmp_path, settings=traced(collector) | {"PERSISTENCE__TRACING__SAMPLE_RATIO": "0"})
    async with service, Api(service.url) as api:
        await post(api, batch())
        await post(api, batch(), traceparent=f"00-{'1' * 32}-{CALLER}-00")
        await post(api, batch(), traceparent="00-nonsense", tracestate="x" * 5000)
        await api.flush()
        await post(api, batch(), **SENT)
        await api.flush()
        await assert_whole(collector, "sqlite")
        assert {span.trace_id for span in collector.named(POSTED)} == {TRACE}
        assert len(collector.named("batch_persist_tasks")) == 1


async def test_a_read_has_its_statement_and_a_refused_change_its_reason(tmp_path, collector):
    service = Service(tmp_path, settings=traced(collector))
    async with service, Api(service.url) as api:
        await post(api, batch(1), **SENT)
        await api.flush()
        one = f"{ROOT}/tasks/t0"
        found = await api.send("GET", one, headers=SENT)
        asked, read = await collector.wait_for(f"GET {ROOT}/tasks/{{task_id}}", "read translation_tasks")
        assert (read.trace_id, read.parent_id) == (TRACE, asked.span_id)
        (tag,) = [value for name, value in found.headers.items() if name.lower() == "etag"]
        changes = [api.send("PATCH", one, body={"priority": number}, headers={"If-Match": tag}) for number in range(4)]
        codes = sorted([reply.status for reply in await asyncio.gather(*changes)])
        assert codes == [200, 412, 412, 412]
        name = f"PATCH {ROOT}/tasks/{{task_id}}"
        await collector.wait_for(name, count=4)
        refused = [span for span in collector.named(name) if "error.type" in span.attributes]
        assert {span.attributes["error.type"] for span in refused} == {"precondition_failed"}
        assert not any(span.failed for span in refused)


@pytest.mark.parametrize("illness", ["refuses", "hangs", "fails"])
async def test_a_collector_that_is_ill_costs_spans_and_a_line_of_the_log(illness, tmp_path, collector):
    collector.hangs, collector.status = illness == "hangs", 500 if illness == "fails" else 200
    gone = {"PERSISTENCE__TRACING__ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    service = Service(tmp_path, settings=gone if illness == "refuses" else traced(collector))
    async with service, Api(service.url) as api:
        async with asyncio.timeout(60):
            while "persistence_spans_dropped_total 0.0" in await api.page("/metrics"):
                await post(api, batch(), **SENT)
                await asyncio.sleep(0.2)
        await api.flush()
        assert await api.count("tasks") == 3
        assert await service.stop() == 0
    lines = [line for line in service.log.read_text().splitlines() if "traces_lost" in line]
    assert len(lines) == 1, service.log.read_text()
    assert "opentelemetry" not in service.log.read_text()

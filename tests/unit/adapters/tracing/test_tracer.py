"""Spans of observations, as an exporter gets them."""

from __future__ import annotations

import asyncio
import threading

import pytest
import requests
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from adapters.system.clock import SystemClock
from adapters.telemetry.fan_out import FanOut
from adapters.tracing import outbox
from adapters.tracing import tracer as tracer_module
from adapters.tracing.collector import exporter_to
from adapters.tracing.tracer import Tracer
from domain.model.observations import (
    BatchFlushed,
    FlushFailed,
    RecordDeadLettered,
    RequestServed,
    SpansDropped,
    StorageOperated,
    TracesLost,
    WritesConflicted,
)
from domain.model.tracing import CURRENT, Trace

FLUSH = Trace("a" * 32, "b" * 16, sampled=True)
REQUEST = Trace("c" * 32, "d" * 16, sampled=True, parent_id="e" * 16, state="congo=1")
BATCH = BatchFlushed(
    collection="translation_tasks",
    noun="task",
    records=7,
    seconds=0.1,
    statuses=(),
    trigger="size",
    batch_size=1000,
    tried_seconds=2.0,
    waiting=9,
    requests=2,
    links=(REQUEST.traceparent, "nonsense"),
    trace=FLUSH,
)


class Refusing(SpanExporter):
    def export(self, spans):
        raise ConnectionError("nobody is there")

    def shutdown(self):
        pass


def tracer(exporter, told=lambda _: None, clock=None):
    return Tracer(exporter, Resource({}), told, clock or SystemClock())


async def spans_of(*observations, current=FLUSH):
    exporter = InMemorySpanExporter()
    made = tracer(exporter)
    await made.open()
    token = CURRENT.set(current)
    observer = FanOut([made])
    for observation in observations:
        observer(observation)
    CURRENT.reset(token)
    await made.close()
    return exporter.get_finished_spans()


def served(**fields):
    given = {
        "method": "GET",
        "endpoint": "/x/{id}",
        "status": 200,
        "seconds": 0.25,
        "request_id": "r",
        "trace": REQUEST,
    }
    return RequestServed(**given | fields)


async def test_a_request_goes_on_with_the_trace_of_its_caller():
    (span,) = await spans_of(served(status=503, error="buffer_full"))
    assert (span.name, span.kind) == ("GET /x/{id}", SpanKind.SERVER)
    assert (span.context.trace_id, span.context.span_id) == (int("c" * 32, 16), int("d" * 16, 16))
    assert (span.parent.span_id, span.parent.is_remote) == (int("e" * 16, 16), True)
    assert span.context.trace_state.get("congo") == "1"
    assert span.end_time - span.start_time == 250_000_000
    assert not span.status.is_ok
    assert span.attributes["error.type"] == "buffer_full"


async def test_a_method_that_nobody_knows_is_in_no_name():
    (span,) = await spans_of(served(method="EVIL", trace=Trace("1" * 32, "2" * 16, sampled=True)))
    assert (span.name, span.attributes["http.request.method"], span.parent) == ("HTTP /x/{id}", "_OTHER", None)


async def test_what_happens_on_the_way_of_a_flush_is_in_its_span_and_says_nothing_of_records():
    failed = FlushFailed(collection="x", error="backend_unavailable", detail="SECRET", attempt=1, retry_in_seconds=1.0)
    letter = RecordDeadLettered(collection="x", key="SECRET", error="record_refused", detail="SECRET", trace=REQUEST)
    statement = StorageOperated(backend="postgres", operation="write", seconds=0.1, collection="x", error="gone")
    below, flush = await spans_of(failed, letter, WritesConflicted(collection="x", count=3), statement, BATCH)
    assert [event.name for event in flush.events] == ["flush_failed", "record_dead_lettered", "writes_conflicted"]
    assert [(link.context.trace_id, link.context.span_id) for link in flush.links] == [
        (int("c" * 32, 16), int("d" * 16, 16))
    ]
    assert flush.end_time - flush.start_time == 2_000_000_000
    assert (flush.name, flush.parent) == ("batch_persist_tasks", None)
    assert (flush.attributes["task_count"], flush.attributes["buffer_size"]) == (7, 9)
    assert (below.name, below.parent.span_id) == ("write x", int("b" * 16, 16))
    assert (below.attributes["db.system.name"], below.status.is_ok) == ("postgresql", False)
    assert "SECRET" not in below.to_json() + flush.to_json()


async def test_what_nobody_has_sampled_is_no_span():
    quiet = Trace("a" * 32, "b" * 16)
    failed = FlushFailed(collection="x", error="e", detail="", attempt=1, retry_in_seconds=1.0)
    flushed = BatchFlushed(
        collection="x", noun="task", records=1, seconds=0.1, statuses=(), trigger="age", batch_size=1, trace=quiet
    )
    operated = StorageOperated(backend="sqlite", operation="read", seconds=0.1)
    assert await spans_of(failed, operated, flushed, served(trace=quiet), current=quiet) == ()
    assert await spans_of(operated, current=None) == ()


async def test_an_outage_of_any_length_keeps_a_bounded_number_of_events():
    failures = [
        FlushFailed(collection="x", error="e", detail="", attempt=number, retry_in_seconds=1.0) for number in range(500)
    ]
    (flush,) = await spans_of(*failures, BATCH)
    assert [event.attributes["persistence.attempt"] for event in flush.events] == list(range(436, 500))


async def test_spans_that_are_not_taken_are_counted_and_said_once_a_minute(monkeypatch):
    monkeypatch.setattr(outbox, "MOST_WAITING", 10)
    told = []
    made = tracer(Refusing(), told.append)
    for _ in range(25):  # nothing is sent before it is opened
        made(served())
    await made.open()
    async with asyncio.timeout(30):
        while sum(seen.count for seen in told if isinstance(seen, SpansDropped)) < 25:  # noqa: ASYNC110  (told by a thread)
            await asyncio.sleep(0.01)
    await made.close()
    said = [seen for seen in told if isinstance(seen, TracesLost)]
    assert len(said) == 1
    assert sum(seen.count for seen in told if isinstance(seen, SpansDropped)) == 25


async def test_what_is_left_at_the_end_is_sent():
    assert len(await spans_of(*[served() for _ in range(2000)])) == 2000


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_it_may_be_closed_more_often_than_it_was_opened(times):
    made = tracer(InMemorySpanExporter())
    if times:
        await made.open()
    for _ in range(max(1, times)):
        await made.close()


class Exporting(SpanExporter):
    def export(self, spans):
        return SpanExportResult.FAILURE

    def shutdown(self):
        pass


async def test_a_failure_without_a_word_is_said_too():
    told = []
    made = tracer(Exporting(), told.append)
    await made.open()
    made(served())
    await made.close()
    assert [seen.detail for seen in told if isinstance(seen, TracesLost)] == ["the library does not say why"]


class Held(SpanExporter):
    """A collector that takes a portion, and does not say so."""

    def __init__(self):
        self.calls, self.asked, self.answers = 0, threading.Event(), threading.Event()

    def export(self, spans):
        self.calls += 1
        self.asked.set()
        self.answers.wait(30)
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass


async def test_a_collector_that_does_not_answer_holds_up_no_stop(monkeypatch):
    monkeypatch.setattr(tracer_module, "STOP_SECONDS", 0.05)
    held, lost = Held(), []
    made = tracer(held, lost.append)
    await made.open()
    for number in range(2000):
        made(served(trace=Trace(f"{number + 1:032x}", "2" * 16, sampled=True)))
    await asyncio.to_thread(held.asked.wait, 10)
    async with asyncio.timeout(10):
        await made.close()
    assert not held.answers.is_set()
    held.answers.set()
    await asyncio.to_thread(made._outbox._thread.join, 10)
    assert held.calls == 1  # what waited is lost, and told of, and nobody sends it later
    assert sum(each.count for each in lost if isinstance(each, SpansDropped)) >= 2000 - 512


def test_spans_take_no_proxy_and_no_login_of_the_environment(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    seen, refused = [], requests.Response()
    refused.status_code = 400
    monkeypatch.setattr(
        requests.Session, "send", lambda self, request, **more: seen.append(dict(more["proxies"])) or refused
    )
    exporter_to("http://collector.invalid/v1/traces", {}, "").export([])
    assert seen == [{}]

"""Metrics by the founding names."""

import re

import msgspec
import pytest

from adapters.telemetry.metrics import Metrics
from domain.model.built_in import BUILT_IN
from domain.model.observations import (
    BatchFlushed,
    BufferMeasured,
    FlushFailed,
    FrameQuarantined,
    ObjectStoreLost,
    ObjectStoreRegained,
    RecordDeadLettered,
    RecordsDiscarded,
    RequestServed,
    ServiceStarted,
    SpansDropped,
    StorageOperated,
)
from domain.model.tracing import Trace

FOUNDING = (
    "persistence_api_requests_total",
    "persistence_api_duration_seconds",
    "persistence_buffer_size",
    "persistence_flush_total",
    "persistence_flush_duration_seconds",
    "persistence_storage_operations_total",
    "persistence_storage_duration_seconds",
    "persistence_storage_errors_total",
    "persistence_sessions_total",
    "persistence_tasks_total",
    "persistence_data_loss_total",
)


@pytest.fixture
def metrics():
    return Metrics(BUILT_IN)


def served(**changes):
    values = {"method": "GET", "endpoint": "/x/{id}", "status": 200, "seconds": 0.003, "request_id": "r"} | changes
    return RequestServed(**values)


def flushed(noun, statuses):
    return BatchFlushed(
        collection=f"translation_{noun}s",
        noun=noun,
        records=sum(count for _, count in statuses),
        seconds=0.02,
        statuses=statuses,
        trigger="size",
        batch_size=1000,
    )


def test_the_founding_names_are_there_before_anything_happened(metrics):
    page = metrics.render().decode()
    for name in FOUNDING:
        assert f"# TYPE {name} " in page
    assert "\npersistence_data_loss_total 0.0\n" in page
    assert 'persistence_buffer_size{type="session"} 0.0' in page
    assert 'persistence_tasks_total{status="completed"} 0.0' in page
    assert "_created" not in page


def test_the_object_store_is_up_until_it_is_lost(metrics):
    assert b"persistence_object_store_up 1.0" in metrics.render()
    metrics(ObjectStoreLost(detail="It does not answer."))
    assert b"persistence_object_store_up 0.0" in metrics.render()
    metrics(ObjectStoreRegained(detail=""))
    assert b"persistence_object_store_up 1.0" in metrics.render()


def test_requests_are_counted_by_template_method_and_status(metrics):
    for observation in (served(), served(), served(status=404)):
        metrics(observation)
    page = metrics.render().decode()
    assert 'persistence_api_requests_total{endpoint="/x/{id}",method="GET",status="200"} 2.0' in page
    assert 'persistence_api_requests_total{endpoint="/x/{id}",method="GET",status="404"} 1.0' in page
    assert 'persistence_api_duration_seconds_count{endpoint="/x/{id}",method="GET"} 3.0' in page
    assert 'persistence_api_duration_seconds_bucket{endpoint="/x/{id}",le="0.0025",method="GET"} 0.0' in page
    assert 'persistence_api_duration_seconds_bucket{endpoint="/x/{id}",le="0.005",method="GET"} 3.0' in page


def test_invented_methods_share_one_label(metrics):
    for number in range(50):
        metrics(served(method=f"EVIL{number}"))
    assert 'method="other",status="200"} 50.0' in metrics.render().decode()
    assert "EVIL" not in metrics.render().decode()


def test_flushed_records_are_counted_by_status(metrics):
    metrics(flushed("task", (("completed", 7), ("pending", 3))))
    metrics(flushed("task", (("completed", 1),)))
    metrics(flushed("session", (("failed", 2),)))
    page = metrics.render().decode()
    assert 'persistence_tasks_total{status="completed"} 8.0' in page
    assert 'persistence_tasks_total{status="pending"} 3.0' in page
    assert 'persistence_sessions_total{status="failed"} 2.0' in page
    assert 'persistence_flush_total{type="task"} 2.0' in page
    assert 'persistence_flush_duration_seconds_count{type="session"} 1.0' in page


def test_storage_operations_and_their_errors_are_counted_by_backend_type(metrics):
    metrics(StorageOperated(backend="sqlite", operation="write", seconds=0.01))
    metrics(StorageOperated(backend="sqlite", operation="write", seconds=0.01, error="backend_unavailable"))
    page = metrics.render().decode()
    assert 'persistence_storage_operations_total{backend="sqlite",operation="write"} 2.0' in page
    assert 'persistence_storage_errors_total{backend="sqlite",operation="write"} 1.0' in page
    assert 'persistence_storage_duration_seconds_count{backend="sqlite",operation="write"} 2.0' in page


def test_the_buffer_is_measured_by_noun(metrics):
    metrics(BufferMeasured(collection="translation_tasks", noun="task", records=12, payload_bytes=3400))
    page = metrics.render().decode()
    assert 'persistence_buffer_size{type="task"} 12.0' in page
    assert 'persistence_buffer_bytes{type="task"} 3400.0' in page


def test_losses_and_alarms_are_counted(metrics):
    metrics(RecordsDiscarded(collection="translation_tasks", count=5))
    metrics(RecordDeadLettered(collection="translation_tasks", key="t", error="record_refused", detail="too big"))
    metrics(FlushFailed(collection="translation_tasks", error="x", detail="y", attempt=1, retry_in_seconds=1))
    metrics(FrameQuarantined(lane="translation_tasks", segment="1", offset=0, size=1, reason="checksum"))
    page = metrics.render().decode()
    assert "persistence_data_loss_total 5.0" in page
    assert 'persistence_dead_lettered_total{type="task"} 1.0' in page
    assert 'persistence_flush_failures_total{type="task"} 1.0' in page
    assert "persistence_frames_quarantined_total 1.0" in page


def test_what_is_not_counted_is_ignored(metrics):
    before = len(metrics.render().splitlines())
    metrics(ServiceStarted(url="http://x", instance=1))
    assert len(metrics.render().splitlines()) == before


def test_two_services_in_one_process_count_apart():
    one, other = Metrics(BUILT_IN), Metrics(BUILT_IN)
    one(served())
    assert 'status="200"' not in other.render().decode()


def test_the_duration_of_a_traced_request_leads_to_its_trace_in_open_metrics_alone(metrics):
    metrics(msgspec.structs.replace(served(), trace=Trace("a" * 32, "b" * 16, sampled=True)))
    plain = metrics.render().decode()
    assert "a" * 32 not in plain
    page = metrics.render(open_metrics=True).decode()
    assert page.endswith("# EOF\n")
    (line,) = [line for line in page.splitlines() if "a" * 32 in line]
    assert line.startswith(
        'persistence_api_duration_seconds_bucket{endpoint="/x/{id}",le="0.005",method="GET"} 1.0 # {'
    )
    names = {re.split(r"[{ ]", line)[0] for line in plain.splitlines() if not line.startswith("#")}
    assert names == {re.split(r"[{ ]", line)[0] for line in page.splitlines() if not line.startswith("#")}


def test_a_request_that_nobody_traces_leads_nowhere(metrics):
    metrics(msgspec.structs.replace(served(), trace=Trace("a" * 32, "b" * 16)))
    assert "a" * 32 not in metrics.render(open_metrics=True).decode()


def test_spans_that_are_lost_are_counted(metrics):
    assert "persistence_spans_dropped_total 0.0" in metrics.render().decode()
    metrics(SpansDropped(count=12))
    assert "persistence_spans_dropped_total 12.0" in metrics.render().decode()

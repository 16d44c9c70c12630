"""Metrics of the backlog and of what holds it up; and the page that documents all of them."""

import re
from pathlib import Path

import pytest

from adapters.telemetry.metrics import Metrics
from domain.model.built_in import BUILT_IN
from domain.model.observations import (
    BackendLost,
    BatchFlushed,
    BufferMeasured,
    FlushFailed,
    LaneMeasured,
    RequestServed,
)
from domain.model.translation import TASKS

PAGE = Path(__file__).parents[4] / "ops" / "docs" / "metrics.md"


@pytest.fixture
def metrics():
    return Metrics(BUILT_IN)


def page_of(metrics):
    return metrics.render().decode()


def lane(backend="main", *, lost=False, paused=False, collection=TASKS):
    return LaneMeasured(
        collection=collection.name,
        noun=collection.noun,
        backend=backend,
        lost=lost,
        paused=paused,
        batch_records=700,
    )


def test_every_metric_is_documented_and_nothing_else(metrics):
    metrics(lane())
    told = set(re.findall(r"# TYPE (persistence_\w+)", page_of(metrics)))
    documented = set(re.findall(r"`(persistence_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert told == documented


def test_the_backlog_is_told_in_records_bytes_and_age(metrics):
    metrics(
        BufferMeasured(
            collection=TASKS.name,
            noun="task",
            records=2,
            payload_bytes=700,
            oldest_seconds=12.5,
            weight=1724,
            bound=9000,
        )
    )
    page = page_of(metrics)
    assert 'persistence_buffer_oldest_age_seconds{type="task"} 12.5' in page
    assert 'persistence_buffer_weight_bytes{type="task"} 1724.0' in page
    assert "persistence_buffer_max_bytes 9000.0" in page


@pytest.mark.parametrize(
    ("status", "error", "counted"), [(429, "slow_down", 1), (503, "buffer_full", 1), (404, "x", 0)]
)
def test_requests_that_are_turned_away_count_by_their_cause(metrics, status, error, counted):
    metrics(
        RequestServed(method="POST", endpoint="/x", status=status, seconds=0.1, request_id="r", error=error, trace=None)
    )
    assert (f'persistence_requests_refused_total{{cause="{error}"}} 1.0' in page_of(metrics)) == bool(counted)


def test_what_each_batch_made_of_the_trigger_is_told_with_its_cause(metrics):
    flushed = BatchFlushed(
        collection=TASKS.name,
        noun="task",
        records=9,
        seconds=3.0,
        statuses=(),
        trigger="bytes",
        batch_size=900,
        adapted="shrunk",
        cause="slow",
    )
    metrics(flushed)
    page = page_of(metrics)
    assert 'persistence_flush_batch_decisions_total{cause="slow",decision="shrunk",type="task"} 1.0' in page
    assert 'persistence_flush_triggers_total{trigger="bytes",type="task"} 1.0' in page
    assert 'persistence_flush_batch_records{type="task"} 900.0' in page


def test_retries_count_by_error_and_a_stranger_is_no_new_label(metrics):
    for collection in (TASKS.name, "robert'); DROP TABLE"):
        failed = FlushFailed(
            collection=collection, error="backend_contended", detail="", attempt=1, retry_in_seconds=0.1
        )
        metrics(failed)
    page = page_of(metrics)
    assert 'persistence_flush_retries_total{error="backend_contended",type="task"} 1.0' in page
    assert 'persistence_flush_retries_total{error="backend_contended",type="other"} 1.0' in page


def test_a_breaker_is_told_by_the_backends_name_and_forgotten_with_its_route(metrics):
    metrics(lane("old", lost=True, paused=True))
    metrics(BackendLost(backend="old", collections=(TASKS.name,), detail=""))
    page = page_of(metrics)
    assert 'persistence_backend_breaker_open{backend="old"} 1.0' in page
    assert 'persistence_backend_breaker_opened_total{backend="old"} 1.0' in page
    assert 'persistence_collection_paused{type="task"} 1.0' in page

    metrics(lane("new"))
    page = page_of(metrics)
    assert 'persistence_backend_breaker_open{backend="old"}' not in page
    assert 'persistence_backend_breaker_open{backend="new"} 0.0' in page
    assert 'persistence_collection_paused{type="task"} 0.0' in page

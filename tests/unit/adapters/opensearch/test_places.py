"""In which index a record lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.opensearch.places import Places
from domain.model.logs import LOGS
from domain.model.revisions import compose, tick_at, uuid_of
from domain.model.translation import TASKS

NOW = datetime(2026, 11, 24, 23, 59, 59, 999000, tzinfo=UTC)
places = Places("p", LOGS)


def made(moment: datetime) -> str:
    return uuid_of(compose(tick_at(moment), 1023, 4095))


def test_a_made_key_lies_in_its_day_and_every_other_in_no_day():
    assert places.day_of(made(NOW)) == "p-logs-2026.11.24"
    assert places.day_of(made(NOW + timedelta(milliseconds=1))) == "p-logs-2026.11.25"
    assert places.day_of("2026.11.24") is None
    assert Places("p", TASKS).day_of(made(NOW)) is None
    assert (Places("p", TASKS).all, places.all) == ("p-translation_tasks", "p-logs,p-logs-2*")


@pytest.mark.parametrize(("days", "is_recent"), [(0, True), (-1, True), (-2, False), (40, True), (41, False)])
def test_indexes_are_made_of_recent_days_alone(days, is_recent):
    index = places.day_of(made(NOW - timedelta(days=days)))
    assert places.is_recent(index, NOW) is is_recent


def test_a_day_is_over_when_nothing_in_it_can_be_younger():
    end = datetime(2026, 11, 25, 0, 5, tzinfo=UTC)
    assert places.is_over("p-logs-2026.11.24", end)
    assert not places.is_over("p-logs-2026.11.24", end - timedelta(microseconds=1))


@pytest.mark.parametrize(
    "index", ["p-logs", "p-logs-x", "p-logs-2026.11.24-old", "q-logs-2026.11.24", "p-logs-2026.13.01"]
)
def test_what_is_no_day_is_never_over(index):
    assert not places.is_over(index, datetime.max.replace(tzinfo=UTC))
    assert not places.is_recent(index, NOW)

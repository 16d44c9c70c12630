"""Records become rows and come back, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from adapters.sql.rows import to_datetime, to_microseconds, to_record, to_rows, version_of
from domain.model.records import Record

moments = st.datetimes(timezones=st.just(UTC))


@given(moments)
def test_every_moment_comes_back_exactly(moment):
    assert to_datetime(to_microseconds(moment)) == moment


def test_the_offset_of_a_time_does_not_matter():
    assert to_microseconds(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0
    assert to_microseconds(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == -1


@given(st.tuples(st.text(), st.none(), st.integers()), moments, moments, st.integers(0, 2**63 - 1), moments | st.none())
def test_a_record_comes_back_from_its_row(values, created, updated, revision, deleted):
    record = Record(values, created, updated, revision, deleted)
    (row,) = to_rows([record])

    assert to_record(row) == record
    assert version_of(row) == (to_microseconds(updated), revision)

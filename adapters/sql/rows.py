"""Between records and rows, in one place. Times are integer microseconds since 1970.

A row has the columns of ``adapters.sql.statements.columns``: the values, then ``created_at, updated_at, revision,
deleted_at``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from domain.model.query import Operand, SortValue
from domain.model.records import EPOCH, MICROSECOND, Record, Value

Row = tuple[Any, ...]  # Any: what the driver gives is what the schema promises


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return (moment - EPOCH) // MICROSECOND


def to_datetime(microseconds: int) -> datetime:
    """The aware UTC time of microseconds since 1970; exact."""
    return EPOCH + timedelta(0, 0, microseconds)


def to_rows(records: Iterable[Record]) -> list[Row]:
    """One row a record; written out because it is as hot as the insert itself."""
    epoch, microsecond = EPOCH, MICROSECOND
    return [
        (
            *record.values,
            (record.created_at - epoch) // microsecond,
            (record.updated_at - epoch) // microsecond,
            record.revision,
            None if record.deleted_at is None else (record.deleted_at - epoch) // microsecond,
        )
        for record in records
    ]


def to_record(row: Row) -> Record:
    """The record of a row."""
    *values, created_at, updated_at, revision, deleted_at = row
    return Record(
        tuple(values),
        to_datetime(created_at),
        to_datetime(updated_at),
        revision,
        None if deleted_at is None else to_datetime(deleted_at),
    )


def encode(value: Operand | SortValue) -> Value:
    """A checked value of a query as the columns hold it: times are integers."""
    return to_microseconds(value) if isinstance(value, datetime) else value


def version_of(row: Row) -> tuple[int, int]:
    """``(updated_at, revision)`` of a row."""
    return row[-3:-1]

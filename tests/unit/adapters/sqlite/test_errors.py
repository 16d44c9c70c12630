"""Each of SQLite's codes has one meaning."""

from __future__ import annotations

import sqlite3

import pytest

from adapters.sqlite.errors import translated
from domain.errors import (
    BackendContended,
    BackendCorrupt,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    QueryTimeout,
    RecordRefused,
    SchemaMismatch,
)


def failure(code: int | None, text: str = "it failed", kind: type[sqlite3.Error] = sqlite3.OperationalError):
    error = kind(text)
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (failure(sqlite3.SQLITE_BUSY), BackendContended),
        (failure(sqlite3.SQLITE_BUSY_SNAPSHOT), BackendContended),
        (failure(sqlite3.SQLITE_LOCKED_SHAREDCACHE), BackendContended),
        (failure(sqlite3.SQLITE_FULL), BackendExhausted),
        (failure(sqlite3.SQLITE_NOMEM), BackendExhausted),
        (failure(sqlite3.SQLITE_IOERR), BackendUnavailable),
        (failure(sqlite3.SQLITE_IOERR_FSYNC), BackendUnavailable),
        (failure(sqlite3.SQLITE_READONLY_DBMOVED), BackendUnavailable),
        (failure(sqlite3.SQLITE_CANTOPEN), BackendUnavailable),
        (failure(sqlite3.SQLITE_CORRUPT_INDEX), BackendCorrupt),
        (failure(sqlite3.SQLITE_NOTADB), BackendCorrupt),
        (failure(sqlite3.SQLITE_INTERRUPT), QueryTimeout),
        (failure(sqlite3.SQLITE_ERROR, "no such table: x"), SchemaMismatch),
        (failure(sqlite3.SQLITE_ERROR, "table x has no column named y"), SchemaMismatch),
        (failure(sqlite3.SQLITE_ERROR, "something else"), BackendError),
        (failure(sqlite3.SQLITE_MISUSE), BackendError),
        (failure(sqlite3.SQLITE_PROTOCOL), BackendContended),
        (failure(sqlite3.SQLITE_PERM), BackendUnavailable),
        (failure(sqlite3.SQLITE_CONSTRAINT_TRIGGER, kind=sqlite3.IntegrityError), RecordRefused),
        (failure(sqlite3.SQLITE_CONSTRAINT_NOTNULL, kind=sqlite3.IntegrityError), RecordRefused),
        (failure(sqlite3.SQLITE_TOOBIG, kind=sqlite3.DataError), RecordRefused),
        (
            failure(None, "Error binding parameter 3: type 'x' is not supported", sqlite3.ProgrammingError),
            RecordRefused,
        ),
        (failure(None, "Cannot operate on a closed database.", sqlite3.ProgrammingError), BackendUnavailable),
        (OverflowError("Python int too large to convert to SQLite INTEGER"), RecordRefused),
    ],
    ids=str,
)
def test_each_failure_is_translated_with_its_cause(error, meaning):
    with pytest.raises(meaning) as found, translated():
        raise error

    assert type(found.value) is meaning
    assert found.value.__cause__ is error
    assert str(error) in found.value.detail


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError

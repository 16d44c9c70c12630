"""What SQLite's error codes mean for the service: the one place where its exceptions are translated."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import (
    BackendContended,
    BackendCorrupt,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    PersistenceError,
    QueryTimeout,
    RecordRefused,
    SchemaMismatch,
)

_MEANINGS: dict[int, type[PersistenceError]] = {  # by primary code; the rest is BackendError: nobody knows its cause
    sqlite3.SQLITE_BUSY: BackendContended,
    sqlite3.SQLITE_LOCKED: BackendContended,
    sqlite3.SQLITE_PROTOCOL: BackendContended,
    sqlite3.SQLITE_IOERR: BackendUnavailable,
    sqlite3.SQLITE_CANTOPEN: BackendUnavailable,
    sqlite3.SQLITE_READONLY: BackendUnavailable,
    sqlite3.SQLITE_PERM: BackendUnavailable,
    sqlite3.SQLITE_NOMEM: BackendExhausted,
    sqlite3.SQLITE_FULL: BackendExhausted,
    sqlite3.SQLITE_INTERRUPT: QueryTimeout,
    sqlite3.SQLITE_SCHEMA: SchemaMismatch,
    sqlite3.SQLITE_AUTH: SchemaMismatch,
    sqlite3.SQLITE_TOOBIG: RecordRefused,
    sqlite3.SQLITE_CONSTRAINT: RecordRefused,
    sqlite3.SQLITE_MISMATCH: RecordRefused,
    sqlite3.SQLITE_CORRUPT: BackendCorrupt,
    sqlite3.SQLITE_NOTADB: BackendCorrupt,
    sqlite3.SQLITE_FORMAT: BackendCorrupt,
}
_SCHEMA_WORDS = ("no such table", "no such column", "has no column named", "no such index")


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the driver raises as the service's errors."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise RecordRefused(f"SQLite: {error}.", taken=True) from error
        raise _meaning(error)(f"SQLite: {error}.") from error
    except (OverflowError, UnicodeEncodeError) as error:  # a number beyond 64 bits, a lone surrogate
        raise RecordRefused(f"SQLite cannot hold the value: {error}.") from error


def _meaning(error: sqlite3.Error) -> type[PersistenceError]:
    code = getattr(error, "sqlite_errorcode", None)  # absent where the driver itself objects
    if code is None:
        refused = str(error).startswith("Error binding parameter")
        return RecordRefused if refused or isinstance(error, sqlite3.DataError) else BackendUnavailable
    if code == sqlite3.SQLITE_ERROR and any(words in str(error) for words in _SCHEMA_WORDS):
        return SchemaMismatch
    return _MEANINGS.get(code & 0xFF, BackendError)  # the high bytes refine the primary code

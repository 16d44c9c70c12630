"""What PostgreSQL's error codes mean for the service: the one place where its driver's exceptions are translated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

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

_MEANINGS: dict[
    str, type[PersistenceError]
] = {  # by SQLSTATE, else by its class; of the rest nobody knows what it means
    "08": BackendUnavailable,  # connections
    "0A": SchemaMismatch,  # a view or a foreign table that does not take what we say
    "21": RecordRefused,
    "22": RecordRefused,
    "23": RecordRefused,
    "25": BackendUnavailable,  # a transaction that ended; read-only: a standby, until it is promoted
    "26": BackendUnavailable,  # a prepared statement that a pooler lost
    "28": SchemaMismatch,
    "3D": SchemaMismatch,
    "3F": SchemaMismatch,
    "40": BackendContended,  # serialization failure, deadlock
    "42": SchemaMismatch,
    "44": RecordRefused,  # a view's WITH CHECK OPTION
    "53": BackendExhausted,  # disk, memory
    "53300": BackendUnavailable,  # too many connections
    "54000": RecordRefused,  # a value that is too long for an index
    "55P03": BackendContended,  # lock_timeout
    "55006": BackendContended,
    "57": BackendUnavailable,  # shutting down, starting up
    "57014": QueryTimeout,
    "58": BackendUnavailable,  # the server's disk or system failed
    "HV": BackendUnavailable,  # the server behind a foreign table
    "P0001": RecordRefused,  # a trigger of the database's owner objects
    "XX001": BackendCorrupt,
    "XX002": BackendCorrupt,
}


_DUPLICATE = "23505"
_REPEATING = ("22", "42601", "P0")  # codes, or their classes, whose messages repeat values in quotes
_RANGE = re.compile(r" is out of range for type [\w ]+$")  # what may stand behind one


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the driver raises as the service's errors."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise translation(error) from error
    except asyncpg.InterfaceError as error:
        raise BackendUnavailable(f"PostgreSQL's driver: {_one_line(error)}.") from error
    except asyncpg.InternalClientError as error:  # an answer that makes no sense, or a type that has changed
        raise BackendUnavailable(f"PostgreSQL's driver: {_one_line(error)}.") from error
    except OSError as error:
        raise BackendUnavailable(f"PostgreSQL's connection failed: {error.strerror or _one_line(error)}.") from error


def translation(error: asyncpg.PostgresError) -> PersistenceError:
    """What an error of the server means; the sentence shows no record."""
    if error.severity is None and isinstance(error, asyncpg.DataError):  # the driver's own; its text repeats the values
        return RecordRefused("PostgreSQL cannot hold a value.")
    code = error.sqlstate or ""
    meaning = _MEANINGS.get(code) or _MEANINGS.get(code[:2], BackendError)
    told = _without_values(error) if meaning is BackendError or code.startswith(_REPEATING) else _one_line(error)
    if code == _DUPLICATE:
        return RecordRefused(f"PostgreSQL: {told} ({code}).", taken=True)
    return meaning(f"PostgreSQL: {told} ({code}).")


def _without_values(error: BaseException) -> str:
    """The message as far as no value is repeated in it, and of which type that is not."""
    text = str(error.args[0]) if error.args else ""
    before, quote, _ = text.partition('"')
    if not quote:
        return _one_line(error)
    found = _RANGE.search(text)
    return f"{before}…{found[0] if found else ''}"


def _one_line(error: BaseException) -> str:
    """The message without DETAIL and HINT: those may show other records."""
    lines = str(error.args[0]).splitlines() if error.args else []
    return lines[0].rstrip(".")[:300] if lines else type(error).__name__

"""What the servers' error numbers mean for the service: the one place where the driver's exceptions are translated."""

from __future__ import annotations

import os
import re
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from pymysql.err import InternalError, MySQLError

from domain.errors import (
    BackendContended,
    BackendCorrupt,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    QueryTimeout,
    RecordRefused,
    SchemaMismatch,
    StatementTooLarge,
)

_CONTENDED = {
    1020,  # the record has changed since it was read (MariaDB's snapshot isolation)
    1180,  # refused at the commit (Galera: another node was first)
    1205,  # lock wait timeout: undoes the statement alone, so the transaction is always rolled back
    1213,  # deadlock
    3572,  # locked, and NOWAIT was asked for
}
_UNAVAILABLE = {
    *(1040, 1129, 1203, 1226),  # too many connections, errors or statements, of all, of this host or of this user
    *(1047, 3100, 3168),  # a member of a cluster that is not ready, or a server that is not there
    *(1053, 1152, 1184, 1317, 1927, 3169, 4031),  # shutting down; the statement or the connection was ended
    *(1030, 1158, 1159, 1160, 1161),  # faults of the storage engine or of the network that the server noticed
    *(1290, 1792, 1836),  # read-only: a server that is being maintained or is not the primary
    *(1969, 3024),  # the statement ran out of the time that the server gives it
}
_EXHAUSTED = {1021, 1026, 1037, 1038, 1041, 1114, 1135, 1206, 1637}  # disk, memory, table, threads, locks, transactions
_MISMATCHED = {
    *(1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698, 1820, 1862, 3118, 4151),  # who may do what
    *(1049, 1054, 1109, 1146, 1176),  # no such database, column, table, key
    *(1050, 1060, 1061, 1091),  # a table, column or index that a migration did not expect, or missed
    *(1064, 1115, 1136, 1193, 1273, 1286, 1305, 1364, 1665),  # statements that fit another schema or server
}
_REFUSED = {
    *(1048, 1062, 1216, 1369, 1452, 3819, 4025),  # null, a second unique key, a foreign key, a view's or own CHECK
    *(1526, 1644, 1748),  # no partition takes it; a trigger of the database's owner objects
    *(1264, 1265, 1292, 1300, 1366, 1406, 1411, 1690, 3140, 3988),  # out of range, too long, not in this character set
    1118,  # the row is too large
}
_REPEATING = {  # numbers whose messages repeat values, or what a statement is made of
    *(1062, 1064, 1292, 1300, 1366, 1411, 1526, 1644, 1690, 3988),
}
_TOO_LARGE = {1153}  # the packet
_CORRUPT = {1034, 1194, 1712, 1877}  # a table or an index is damaged

_MEANINGS: dict[int, type[BackendError]] = {
    **dict.fromkeys(_CONTENDED, BackendContended),
    **dict.fromkeys(_UNAVAILABLE, BackendUnavailable),
    **dict.fromkeys(_EXHAUSTED, BackendExhausted),
    **dict.fromkeys(_MISMATCHED, SchemaMismatch),
    **dict.fromkeys(_REFUSED, RecordRefused),
    **dict.fromkeys(_TOO_LARGE, StatementTooLarge),
    **dict.fromkeys(_CORRUPT, BackendCorrupt),
}  # the rest is BackendError: nobody knows whether a record is to blame
_OF_THE_DRIVER = range(2000, 3000)  # no connection, lost connection, packets out of order
_OUT_OF_TIME = {1969, 3024}
_GARBLED = (
    RuntimeError,
    AssertionError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)  # what the driver makes of no MySQL
_NULL, _DUPLICATE = 1048, 1062
GUARDED = "created_at"  # the column that an upsert makes null where it met the row of another key
_ROW = re.compile(r" at row (\d+)$")
_VALUE = re.compile(r"['\"]|(?<=for value )\S", re.ASCII)  # where one begins
_NAME = re.compile(r" for (?:column|function) \S+(?: at row \d+)?$", re.ASCII)  # what stands behind it


@contextmanager
def translated(server: str, *, reading: bool = False) -> Iterator[None]:
    """Raise what the driver raises as the service's errors; ``server`` is its name in sentences.

    ``reading``: a statement that ran out of the server's time is a QueryTimeout.
    """
    try:
        yield
    except MySQLError as error:
        raise _translation(server, error, reading=reading) from error
    except OSError as error:
        raise BackendUnavailable(f"{server}: {reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise BackendCorrupt(f"{server} holds bytes that are no text: {error}.") from error
    except _GARBLED as error:
        raise BackendUnavailable(_garbled(server, error)) from error


def reason(error: BaseException) -> str:
    """Why a server could not be reached, in few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    if isinstance(error, OSError) and error.errno and error.errno > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return str(error).rstrip(".") or type(error).__name__


def _translation(server: str, error: MySQLError, *, reading: bool) -> BackendError | QueryTimeout:
    number, text = error.args if len(error.args) == 2 else (0, str(error))
    if isinstance(error.__cause__, OSError):  # the driver keeps the reason to itself
        return BackendUnavailable(f"{server}: {reason(error.__cause__)}.")
    if not number:
        return BackendUnavailable(_garbled(server, error) if isinstance(error, InternalError) else f"{server}: {text}.")
    sentence = f"{server} {number}: {_told(number, str(text)).rstrip('.')}."
    if reading and number in _OUT_OF_TIME:
        return QueryTimeout(sentence)
    meaning = BackendUnavailable if number in _OF_THE_DRIVER else _MEANINGS.get(number, BackendError)
    if meaning is not RecordRefused:
        return meaning(sentence)
    if number == _DUPLICATE or (number == _NULL and GUARDED in str(text)):
        return RecordRefused(f"{server} {number}: another record has the value of a unique key.", taken=True)
    row = _ROW.search(str(text))
    return RecordRefused(sentence, index=int(row[1]) - 1 if row else None)


def _told(number: int, text: str) -> str:
    """What a server says without the values that it repeats; which column or function has them is kept."""
    value = _VALUE.search(text)
    if value is None or (number not in _REPEATING and (number in _MEANINGS or number in _OF_THE_DRIVER)):
        return text
    name = _NAME.search(text, value.end())
    return f"{text[: value.start()]}…{name[0] if name else ''}"


def _garbled(server: str, error: Exception) -> str:
    """Some of the driver's errors repeat what it could not read."""
    said = type(error).__name__ if isinstance(error, LookupError | TypeError | ValueError) else str(error).rstrip(".")
    return f"{server} does not speak MySQL's protocol as expected: {said}."

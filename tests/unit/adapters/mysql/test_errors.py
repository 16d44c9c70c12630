"""Each of the servers' error numbers has one meaning."""

from __future__ import annotations

import ssl
import struct

import pytest
from pymysql.err import InterfaceError, MySQLError, OperationalError

from adapters.mysql.errors import translated
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

MEANINGS = {
    BackendContended: [1213, 1205, 1020, 3572, 1180],
    BackendUnavailable: [
        *(2002, 2003, 2006, 2013, 2014, 2055, 1040, 1053, 1203, *range(1158, 1162), 1290, 1792, 1836, 1317, 1927),
        *(1030, 1047, 1129, 1152, 1184, 1226, 1969, 3024, 3100, 3168, 3169, 4031),
    ],
    BackendExhausted: [1021, 1114, 1037, 1041, 1026, 1038, 1135, 1206, 1637],
    SchemaMismatch: [1146, 1054, 1049, 1142, 1044, 1045, 1364, 1064],
    RecordRefused: [
        *(1406, 1264, 1265, 1366, 1048, 1292, 1300, 1411, 1452, 1690, 3140, 3819, 4025),
        *(1118, 1216, 1369, 1526, 1644, 1748, 3988),
    ],
    StatementTooLarge: [1153],
    BackendError: [1105, 4321],
    BackendCorrupt: [1034, 1194, 1712, 1877],
}


@pytest.mark.parametrize(
    ("number", "meaning"), [(number, meaning) for meaning, numbers in MEANINGS.items() for number in numbers]
)
def test_each_number_is_translated_with_its_cause(number, meaning):
    error = MySQLError(number, "it failed.")
    with pytest.raises(meaning) as found, translated("MariaDB"):
        raise error

    assert type(found.value) is meaning
    assert found.value.detail == f"MariaDB {number}: it failed."
    assert found.value.__cause__ is error


@pytest.mark.parametrize(
    ("number", "text"),
    [(1062, "Duplicate entry 'ann@example.com' for key 'e'"), (1048, "Column 'created_at' cannot be null")],
)
def test_a_value_that_another_row_has_is_not_told(number, text):
    with pytest.raises(RecordRefused) as found, translated("MySQL"):
        raise MySQLError(number, text)

    assert found.value.taken
    assert found.value.detail == f"MySQL {number}: another record has the value of a unique key."


@pytest.mark.parametrize("number", [1969, 3024])
def test_a_statement_out_of_time_is_a_slow_query_or_a_write_to_repeat(number):
    with pytest.raises(QueryTimeout), translated("MySQL", reading=True):
        raise MySQLError(number, "out of time")
    with pytest.raises(BackendUnavailable), translated("MySQL"):
        raise MySQLError(number, "out of time")


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("Data too long for column 'name' at row 3", 2),
        ("Incorrect string value: 'x at row 9' for column `a`.`b`.`c` at row 12", 11),
        ("Duplicate entry 'x at row 9' for key 'PRIMARY'", None),
        ("Column 'status' cannot be null", None),
    ],
)
def test_the_text_may_name_the_row(text, index):
    with pytest.raises(RecordRefused) as found, translated("MySQL"):
        raise MySQLError(1366, text)

    assert found.value.index == index


def refused() -> OperationalError:
    error = OperationalError(2003, "Can't connect to MySQL server on 'host'")
    error.__cause__ = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 3306)")
    return error


def untrusted() -> OperationalError:
    error = OperationalError(2003, "Can't connect to MySQL server on 'host'")
    error.__cause__ = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.__cause__.verify_message = "Hostname mismatch, certificate is not valid for 'host'."
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused(), "MySQL: Connection refused."),
        (untrusted(), "MySQL: Hostname mismatch, certificate is not valid for 'host'."),
        (InterfaceError("(0, 'Not connected')"), "MySQL: (0, 'Not connected')."),
        (ConnectionResetError(104, "reset"), "MySQL: Connection reset by peer."),
        (
            RuntimeError("a file is asked for"),
            "MySQL does not speak MySQL's protocol as expected: a file is asked for.",
        ),
        (struct.error("4 bytes"), "MySQL does not speak MySQL's protocol as expected: 4 bytes."),
    ],
    ids=lambda part: type(part).__name__,
)
def test_what_the_driver_finds_on_the_way_is_an_outage(error, said):
    with pytest.raises(BackendUnavailable) as found, translated("MySQL"):
        raise error

    assert found.value.detail == said
    assert found.value.__cause__ is error


def test_bytes_that_are_no_text_are_damage():
    with pytest.raises(BackendCorrupt), translated("MySQL"):
        b"\xff".decode()


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), translated("MySQL"):
        raise ZeroDivisionError

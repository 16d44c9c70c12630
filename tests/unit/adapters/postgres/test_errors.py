"""PostgreSQL's error codes, as its driver raises them, in the service's words."""

from __future__ import annotations

import asyncpg
import pytest

from adapters.postgres.errors import translated
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

CODES = {
    BackendContended: ["40001", "40P01", "55P03", "55006"],
    BackendUnavailable: [
        *("08000", "08003", "08006", "25006", "25P02", "25P03", "26000", "53300", "57P01", "57P02", "57P03", "58030"),
        *("08004", "25001", "57P04", "58000", "HV000"),
    ],
    BackendError: ["XX000", "99999"],
    BackendExhausted: ["53100", "53200", "53400"],
    BackendCorrupt: ["XX001", "XX002"],
    QueryTimeout: ["57014"],
    RecordRefused: ["21000", "22021", "22003", "22P02", "23502", "23505", "23514", "44000", "54000", "P0001"],
    SchemaMismatch: ["0A000", "28P01", "28000", "3D000", "3F000", "42501", "42P01", "42703", "42804", "42P10"],
}


def said_by_the_server(code: str, **fields: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": code, "S": "ERROR", "V": "ERROR", "M": "what is wrong", **fields})


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in CODES.items() for code in codes])
def test_each_code_has_its_meaning(kind, code):
    with pytest.raises(kind) as caught, translated():
        raise said_by_the_server(code)

    assert type(caught.value) is kind
    assert caught.value.detail == f"PostgreSQL: what is wrong ({code})."


def test_details_that_show_a_record_and_further_lines_are_left_out():
    error = said_by_the_server("23505", M="duplicate key.\nsecond line", D="Key (id)=(hunter2)", H="look at hunter2")
    with pytest.raises(RecordRefused) as caught, translated():
        raise error

    assert caught.value.detail == "PostgreSQL: duplicate key (23505)."


def test_what_the_driver_refuses_to_send_is_refused_without_showing_it():
    with pytest.raises(RecordRefused) as caught, translated():
        raise asyncpg.DataError("invalid input for query argument $1: ['hunter2'] (expected int)")

    assert "hunter2" not in caught.value.detail


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("got an unexpected message"),
        asyncpg.InternalClientError(),
        ConnectionResetError(104, "Connection reset by peer"),
        ConnectionError("unexpected end"),
    ],
    ids=repr,
)
def test_a_connection_that_is_gone_is_an_outage(error):
    with pytest.raises(BackendUnavailable) as caught, translated():
        raise error

    assert caught.value.__cause__ is error
    assert "\n" not in caught.value.detail

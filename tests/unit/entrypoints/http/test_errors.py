from __future__ import annotations

import pytest

from domain import errors
from domain.errors import PersistenceError
from entrypoints.http.errors import STATUS, kinds, status_of, summary, title_of


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.MalformedBody, 400),
        (errors.InvalidCursor, 400),
        (errors.BodyTooSlow, 408),
        (errors.InvalidRecords, 422),
        (errors.PayloadTooLarge, 413),
        (errors.UnsupportedMediaType, 415),
        (errors.RecordNotFound, 404),
        (errors.ReceiptElsewhere, 404),
        (errors.MethodNotAllowed, 405),
        (errors.SessionFinished, 409),
        (errors.WriteConflict, 409),
        (errors.PreconditionFailed, 412),
        (errors.AbilityMissing, 501),
        (errors.BufferFull, 503),
        (errors.JournalFailed, 503),
        (errors.BackendUnavailable, 503),
        (errors.RecordRefused, 422),
        (errors.QueryTimeout, 504),
        (errors.UnexpectedFailure, 500),
    ],
)
def test_the_nearest_ancestor_in_the_table_decides(kind, status):
    assert status_of(kind) == status


def test_every_error_class_is_explained_under_a_code_of_its_own():
    every, waiting = set(), [PersistenceError]
    while waiting:
        kind = waiting.pop()
        every.add(kind.code)
        waiting += kind.__subclasses__()
    found = list(kinds())
    assert {kind.code for kind in found} == every
    assert len(found) == len(every)
    assert all(title_of(kind) and kind.cure for kind in found)


def test_the_table_names_no_status_twice_in_a_line_of_ancestors():
    for kind, status in STATUS.items():
        assert all(STATUS.get(ancestor) != status for ancestor in kind.__mro__[1:])


def test_a_summary_of_bad_records_lists_their_places():
    error = errors.ItemError(pointer="/0", code="invalid_value", detail="no")
    assert summary(errors.InvalidRecords("bad", errors=(error,)))["errors"] == (error,)
    assert "errors" not in summary(errors.RecordNotFound("gone"))

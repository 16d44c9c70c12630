from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from domain.model.changes import SessionProgress
from domain.model.receipts import Receipt, ReceiptState, ReceiptStatus, WriteException
from domain.model.records import Record, Verdict
from domain.model.translation import SESSIONS
from entrypoints.http import wire

EARLY = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATE = datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)
SESSION = Record(("s1", None, "ü", "pending", "en", "de", 3, '{"b": 1e2, "a":[ ]}'), EARLY, LATE, 2**62)


def test_a_record_shows_its_fields_in_order_and_its_object_as_sent():
    assert msgspec.json.encode(wire.RecordWire(SESSIONS).document(SESSION)).decode() == (
        '{"session_id":"s1","user_id":null,"name":"ü","status":"pending","source_lang":"en","target_lang":"de",'
        '"total_tasks":3,"metadata":{"b": 1e2, "a":[ ]},"created_at":"2026-01-02T03:04:05.000000Z",'
        '"updated_at":"2026-01-02T03:04:05.000060Z","revision":"4611686018427387904"}'
    )


def test_a_projection_shows_what_it_names_in_its_order():
    found = wire.RecordWire(SESSIONS).document(SESSION, ("revision", "metadata", "updated_at"))
    assert list(found) == ["revision", "metadata", "updated_at"]
    assert wire.RecordWire(SESSIONS).document(SESSION, ()) == {}


def test_progress_is_the_completed_share():
    found = wire.progress(SessionProgress(counts={"pending": 2, "completed": 1}, pending=4))
    assert found == {"counts": {"pending": 2, "completed": 1}, "total": 3, "progress": 0.333333, "pending": 4}


def test_exceptions_of_a_receipt_count_from_its_first_record():
    exception = WriteException(
        lane="l", sequence=12, key="k", verdict=Verdict.DEAD_LETTERED, code="record_refused", detail="too long"
    )
    status = ReceiptStatus(receipt=Receipt(1, "l", 2, 10, 12), state=ReceiptState.APPLIED, exceptions=(exception,))
    assert wire.receipt(status) == {
        "receipt": "1.l.2.10-12",
        "state": "applied",
        "count": 3,
        "exceptions": [
            {
                "index": 2,
                "key": "k",
                "verdict": "dead_lettered",
                "problem": {"type": "/problems/record_refused", "code": "record_refused", "detail": "too long"},
            }
        ],
    }

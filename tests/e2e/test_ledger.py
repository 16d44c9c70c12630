"""The oracle itself: whatever a service could get wrong, the ledger must notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.e2e.api import Json
from tests.e2e.audit import torn_requests
from tests.e2e.ledger import Action, Change, Ledger, Verdict, text_of
from tests.e2e.samples import Samples

PLACE = ("tasks", "k")


class Writer:
    """A client of one key that needs no service."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._samples = Samples()
        self._random = Random(1)

    def put(self, verdict: Verdict, **fields: object) -> Json:
        record = self._samples.record(*PLACE, self._random) | fields
        self._settle(self._samples.put("tasks", record), verdict)
        return record

    def change(self, action: Action, verdict: Verdict) -> Change:
        change = self._samples.change(*PLACE, action)
        self._settle(change, verdict)
        return change

    def _settle(self, change: Change, verdict: Verdict) -> None:
        self.ledger.sent([change])
        if verdict is Verdict.UNKNOWN:
            self.ledger.broken([change])
        else:
            self.ledger.settled([change], verdict)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Ledger(tmp_path / "ledger.ndjson") as ledger:
        yield Writer(ledger)


DAWN = text_of(1)


def test_the_newest_acknowledged_version_is_right_whatever_the_order_of_sending(writer: Writer) -> None:
    newest = writer.put(Verdict.ACKED, updated_at=text_of(9), created_at=DAWN)
    older = writer.put(Verdict.ACKED, updated_at=text_of(8), created_at=text_of(2))
    assert writer.ledger.fault(PLACE, newest) is None
    assert "is newer and acknowledged" in str(writer.ledger.fault(PLACE, older))


def test_an_acknowledged_record_that_is_gone_is_noticed(writer: Writer) -> None:
    writer.put(Verdict.ACKED)
    assert "was acknowledged" in str(writer.ledger.fault(PLACE, None))


def test_a_record_without_an_answer_may_be_there_or_not(writer: Writer) -> None:
    record = writer.put(Verdict.UNKNOWN)
    assert writer.ledger.fault(PLACE, None) is None
    assert writer.ledger.fault(PLACE, record) is None


def test_a_refused_record_must_not_be_there(writer: Writer) -> None:
    record = writer.put(Verdict.REFUSED)
    assert writer.ledger.fault(PLACE, None) is None
    assert "no write of this key has sent" in str(writer.ledger.fault(PLACE, record))


@pytest.mark.parametrize("verdict", [Verdict.ACKED, Verdict.UNKNOWN])
def test_a_delete_explains_that_nothing_is_there(writer: Writer, verdict: Verdict) -> None:
    record = writer.put(Verdict.ACKED, updated_at=DAWN)
    writer.change(Action.DELETE, verdict)
    assert writer.ledger.fault(PLACE, None) is None
    assert (writer.ledger.fault(PLACE, record) is None) is (verdict is Verdict.UNKNOWN)


def test_a_record_written_after_its_delete_must_be_there(writer: Writer) -> None:
    writer.put(Verdict.ACKED, updated_at=DAWN)
    delete = writer.change(Action.DELETE, Verdict.ACKED)
    writer.put(Verdict.ACKED, updated_at=text_of(delete.latest + 1))
    assert "was acknowledged" in str(writer.ledger.fault(PLACE, None))


def test_other_content_than_was_sent_is_noticed_down_to_the_order_of_metadata(writer: Writer) -> None:
    record = writer.put(Verdict.ACKED)
    turned = record | {"metadata": dict(reversed(record["metadata"].items()))}
    assert writer.ledger.fault(PLACE, record) is None
    for wrong in (record | {"priority": 99}, record | {"translated_text": "?"}, turned):
        assert "other content" in str(writer.ledger.fault(PLACE, wrong))


def test_times_that_no_write_has_sent_are_noticed(writer: Writer) -> None:
    record = writer.put(Verdict.ACKED, created_at=text_of(5))
    writer.put(Verdict.ACKED, created_at=text_of(4), updated_at=DAWN)
    assert "with the time" in str(writer.ledger.fault(PLACE, record | {"updated_at": DAWN}))
    assert writer.ledger.fault(PLACE, record | {"created_at": text_of(4)}) is None
    assert "not at the earliest time" in str(writer.ledger.fault(PLACE, record))


def test_a_write_is_newest_only_where_no_other_can_hide_it(writer: Writer) -> None:
    writer.put(Verdict.UNKNOWN, updated_at=text_of(3))
    writer.put(Verdict.ACKED, updated_at=text_of(2))
    writer.put(Verdict.REFUSED, updated_at=text_of(4))
    first, second, refused = (request[0] for request in writer.ledger.requests)
    assert writer.ledger.is_newest(first)
    assert not writer.ledger.is_newest(second)
    assert writer.ledger.is_newest(refused)
    writer.change(Action.DELETE, Verdict.UNKNOWN)
    assert not writer.ledger.is_newest(first)


def test_a_request_without_an_answer_that_was_taken_in_part_is_noticed(tmp_path: Path) -> None:
    samples, random = Samples(), Random(1)
    records = {("tasks", key): samples.record("tasks", key, random) for key in "ab"}
    with Ledger(tmp_path / "ledger.ndjson") as ledger:
        ledger.sent([samples.put("tasks", record) for record in records.values()])
    assert torn_requests(ledger, records) == torn_requests(ledger, {}) == []
    assert len(torn_requests(ledger, {("tasks", "a"): records["tasks", "a"]})) == 1


def test_a_change_is_newer_than_what_it_changed_and_its_time_lies_between_question_and_answer(writer: Writer) -> None:
    record = writer.put(Verdict.ACKED, updated_at=DAWN)
    patch = writer.change(Action.PATCH, Verdict.ACKED)
    patched = record | {"error_message": patch.marker, "updated_at": text_of(patch.earliest)}
    assert writer.ledger.fault(PLACE, patched) is None
    assert "is newer and acknowledged" in str(writer.ledger.fault(PLACE, record))
    assert "with the time" in str(writer.ledger.fault(PLACE, patched | {"updated_at": text_of(patch.latest + 1)}))

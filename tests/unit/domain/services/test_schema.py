"""The rules that a record must keep, and how a broken one is reported."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import InvalidRecords, MalformedBody, PayloadTooLarge
from domain.model.frames import Frame, FrameKind
from domain.model.translation import SESSIONS, TASKS
from domain.services.schema import RecordSchema

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
schema = RecordSchema(TASKS)


def task(**changes: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "task_id": "t1",
        "session_id": "s1",
        "status": "pending",
        "source_text": "Hello",
        "source_lang": "en",
        "target_lang": "de",
    }
    whole.update(changes)
    return {name: value for name, value in whole.items() if value is not ...}


def payload(*records: object) -> bytes:
    return json.dumps(records, ensure_ascii=False).encode()


def frame(text: bytes, count: int = 1) -> Frame:
    return Frame(accepted_at=NOW, first_revision=1 << 30, count=count, payload=text, sequence=1)


def refused(*records: object, **options: bool) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRecords) as caught:
        schema.check(payload(*records), NOW, **options)
    return [(error.pointer, error.code) for error in caught.value.errors]


def test_a_whole_record_is_taken_and_absent_fields_take_their_defaults():
    text = payload(task())

    assert schema.check(text, NOW).payload == text
    (record,) = schema.records(frame(text))
    assert record.values == ("t1", "s1", None, "pending", "Hello", None, "en", "de", 0, 0, None, "{}")
    assert (record.created_at, record.updated_at, record.revision) == (NOW, NOW, 1 << 30)


def test_metadata_is_kept_as_the_text_that_was_sent():
    text = payload(task())[:-2] + b', "metadata": {"b": 1.10,  "a": [ ]}}]'

    (record,) = schema.records(frame(schema.check(text, NOW).payload))

    assert record.values[-1] == '{"b": 1.10,  "a": [ ]}'


def test_times_with_an_offset_are_kept_as_instants_in_utc():
    (record,) = schema.records(frame(payload(task(created_at="2025-03-19T16:30:00.000001+02:00"))))

    assert record.created_at == datetime(2025, 3, 19, 14, 30, 0, 1, tzinfo=UTC)
    assert record.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"task_id": ...}, "/0/task_id", "missing_field"),
        ({"task_id": ""}, "/0/task_id", "invalid_value"),
        ({"task_id": "x" * 65}, "/0/task_id", "invalid_value"),
        ({"task_id": "a\nb"}, "/0/task_id", "invalid_identifier"),
        ({"task_id": "a\x7fb"}, "/0/task_id", "invalid_identifier"),
        ({"task_id": "a\x85b"}, "/0/task_id", "invalid_identifier"),
        ({"task_id": 7}, "/0/task_id", "invalid_value"),
        ({"task_id": None}, "/0/task_id", "invalid_value"),
        ({"status": "cancelled"}, "/0/status", "invalid_value"),
        ({"colour": "red"}, "/0/colour", "unknown_field"),
        ({"a/b~c": 1}, "/0/a~1b~0c", "unknown_field"),
        ({"revision": "1"}, "/0/revision", "unknown_field"),
        ({"source_text": 5}, "/0/source_text", "invalid_value"),
        ({"source_text": None}, "/0/source_text", "invalid_value"),
        ({"source_text": "x" * 524_289}, "/0/source_text", "invalid_value"),
        ({"source_text": "é" * 262_145}, "/0/source_text", "too_large"),
        ({"error_message": "é" * 32_768}, "/0/error_message", "too_large"),
        ({"source_lang": "x" * 36}, "/0/source_lang", "invalid_value"),
        ({"priority": 2**31}, "/0/priority", "invalid_value"),
        ({"priority": 1.5}, "/0/priority", "invalid_value"),
        ({"priority": True}, "/0/priority", "invalid_value"),
        ({"priority": "1"}, "/0/priority", "invalid_value"),
        ({"retry_count": -1}, "/0/retry_count", "invalid_value"),
        ({"metadata": []}, "/0/metadata", "invalid_value"),
        ({"metadata": "{}"}, "/0/metadata", "invalid_value"),
        ({"metadata": None}, "/0/metadata", "invalid_value"),
        ({"metadata": {"a": "x" * 65_535}}, "/0/metadata", "too_large"),
        ({"created_at": "yesterday"}, "/0/created_at", "invalid_value"),
        ({"created_at": "2025-03-19T16:30:00"}, "/0/created_at", "invalid_value"),
        ({"created_at": "2025-02-30T16:30:00Z"}, "/0/created_at", "invalid_value"),
        ({"created_at": "2025-03-19T16:30:00.1234567Z"}, "/0/created_at", "invalid_value"),
        ({"created_at": 1742401800}, "/0/created_at", "invalid_value"),
        ({"created_at": None}, "/0/created_at", "invalid_value"),
        ({"created_at": "1969-12-31T23:59:59Z"}, "/0/created_at", "invalid_value"),
        ({"created_at": "0001-01-01T00:00:00+23:00"}, "/0/created_at", "invalid_value"),
        ({"created_at": "9999-12-31T23:59:59-23:00"}, "/0/created_at", "invalid_value"),
        ({"updated_at": "2026-11-25T12:00:00Z"}, "/0/updated_at", "version_in_future"),
        ({"updated_at": "2026-11-24T12:05:00.000001Z"}, "/0/updated_at", "version_in_future"),
    ],
)
def test_a_broken_rule_is_reported_by_place(change, pointer, code):
    assert refused(task(**change)) == [(pointer, code)]
    assert refused(task(), task(**change), task()) == [(pointer.replace("/0", "/1", 1), code)]


def test_a_missing_field_names_patch_as_the_cure():
    with pytest.raises(InvalidRecords) as caught:
        schema.check(payload(task(status=...)), NOW)
    assert "PATCH" in caught.value.errors[0].detail


@pytest.mark.parametrize("text", ["Å\u0301", "👩‍👩‍👧", "x" * 64, "a b", "café", "\u00a0", "..", "a/b", "\ufeff"])
def test_any_printed_text_is_an_identifier(text):
    assert schema.check(payload(task(task_id=text)), NOW).outline.keys == (text,)


def test_an_identifier_has_at_most_255_bytes():
    assert refused(task(task_id="😀" * 64)) == [("/0/task_id", "too_large")]


def test_every_maximum_is_taken():
    fullest = task(
        source_text="x" * 524_288,
        translated_text="é" * 262_144,
        error_message="x" * 65_535,
        metadata={"a": "x" * (65_535 - len('{"a": ""}'))},
        priority=-(2**31),
        retry_count=2**31 - 1,
        updated_at="2026-11-24T12:05:00Z",
    )
    with pytest.raises(InvalidRecords) as caught:
        schema.check(payload(fullest), NOW)
    assert caught.value.errors[0].code == "too_large"  # the whole record is over 1 MiB
    fullest["translated_text"] = None
    assert schema.check(payload(fullest), NOW).count == 1


def test_all_bad_records_are_reported_up_to_a_hundred():
    found = refused(*(task(status="lost") if i % 2 else task() for i in range(400)))

    assert found == [(f"/{i}/status", "invalid_value") for i in range(1, 200, 2)]


def test_a_partial_batch_takes_the_good_ones_as_received():
    checked = schema.check(payload(task(task_id="a"), task(status="lost"), task(task_id="b")), NOW, partial=True)

    assert json.loads(checked.payload) == [task(task_id="a"), task(task_id="b")]
    assert (checked.count, checked.outline.keys) == (2, ("a", "b"))
    assert [error.pointer for error in checked.errors] == ["/1/status"]


def test_a_partial_batch_without_a_good_record_is_refused():
    assert refused(task(status="lost"), partial=True) == [("/0/status", "invalid_value")]


def test_an_empty_batch_is_refused():
    with pytest.raises(InvalidRecords):
        schema.check(b"[]", NOW)


def test_10_000_records_are_taken_and_one_more_is_not():
    assert schema.check(payload(*[task()] * 10_000), NOW).count == 10_000
    with pytest.raises(PayloadTooLarge):
        schema.check(payload(*[task()] * 10_001), NOW)


@pytest.mark.parametrize("text", [b"[", b"[]x", b"[{]", b"\xff", b"", b"[NaN]"])
def test_what_is_no_json_is_malformed(text):
    with pytest.raises(MalformedBody):
        schema.check(text, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"source_text": "a\u0000b"},
        {"batch_id": "a\u0000b"},
        {"metadata": {"a": "\u0000"}},
        {"metadata": {"a": "\ud800"}},
        {"source_text": "\udc00"},
        {"metadata": {"a": 10**400}},
        {"priority": 10**400},
    ],
)
def test_what_no_backend_can_hold_is_malformed_wherever_it_stands(change):
    with pytest.raises(MalformedBody):
        schema.check(json.dumps([task(), task(**change)]).encode(), NOW)


@pytest.mark.parametrize(("levels", "fits"), [(27, True), (28, False), (200, False), (100_000, False)])
def test_a_field_is_nested_so_deep_that_its_request_has_30_levels(levels, fits):
    nested = b"[" * (levels - 1) + b"]" * (levels - 1)
    text = payload(task())[:-2] + b', "metadata": {"a": ' + nested + b"}}]"
    if fits:
        assert schema.check(text, NOW).count == 1
    else:
        with pytest.raises(MalformedBody):
            schema.check(text, NOW)


@pytest.mark.parametrize("text", [b"{}", b"1", b'"x"', b"null"])
def test_a_batch_that_is_no_array_is_the_wrong_shape(text):
    with pytest.raises(InvalidRecords):
        schema.check(text, NOW)


@pytest.mark.parametrize("item", [1, "x", None, []])
def test_a_record_that_is_no_object_is_reported(item):
    assert refused(task(), item) == [("/1", "invalid_value")]


def test_a_delete_frame_gives_tombstones_with_the_defaults_of_every_field():
    stone = b'[{"key":"t9","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-11-24T12:00:00Z"}]'
    buried = Frame(accepted_at=NOW, first_revision=5, count=1, payload=stone, sequence=1, kind=FrameKind.DELETE)

    (record,) = schema.records(buried)

    assert record == schema.record_at(buried, 0)
    assert record.values == ("t9", "", None, "", "", None, "", "", 0, 0, None, "{}")
    assert record.deleted_at == record.updated_at == NOW


def test_record_at_gives_the_same_record_as_the_whole_frame():
    text = payload(*(task(task_id=f"t{i}", priority=i) for i in range(20)))
    whole = frame(text, 20)

    assert [schema.record_at(whole, i) for i in range(20)] == schema.records(whole)


def test_salvage_tells_the_good_records_from_the_bad():
    judged = schema.salvage(frame(payload(task(), task(status="lost"), task(task_id="b")), 3))

    assert [isinstance(found, str) for found in judged] == [False, True, False]


def test_sessions_have_their_own_rules():
    session = {"session_id": "s", "status": "cancelled", "source_lang": "en", "target_lang": "de", "total_tasks": 3}

    assert RecordSchema(SESSIONS).check(payload(session), NOW).count == 1
    with pytest.raises(InvalidRecords):
        RecordSchema(SESSIONS).check(payload({**session, "total_tasks": -1}), NOW)

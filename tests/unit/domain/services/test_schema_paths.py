"""A record is judged the same whether its batch took the fast path or was taken apart record by record.

A neighbour that breaks a rule forces the slow path; with ``partial`` it must not change what becomes of the record.
"""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.errors import PersistenceError
from domain.model.collections import Collection
from domain.model.frames import Frame
from domain.model.translation import SESSIONS, TASKS
from domain.services.schema import RecordSchema

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BAD = b'{"nobody": 1}'

TIMES = [
    b'"2026-11-24T12:05:00Z"',
    b'"2026-11-24T12:05:00.000001Z"',
    b'"2026-11-24T14:05:00.000001+02:00"',
    b'"2026-11-24T12:00:00.1234567Z"',
    b'"2026-11-24T12:00:00"',
    b'"1970-01-01T00:00:00Z"',
    b'"1969-12-31T23:59:59.999999Z"',
    b'"1970-01-01T00:00:00+23:59"',
    b'"1969-12-31T01:00:00-23:59"',
    b'"0001-01-01T00:00:00+14:00"',
    b'"9999-12-31T23:59:59.999999-23:59"',
    b'"2026-11-24t12:00:00z"',
    b'"2026-13-24T12:00:00Z"',
    b'"2026-11-24T12:00:60Z"',
    b"1764000000",
    b"null",
]
TEXTS = [
    b'""',
    b'"a"',
    b'"' + b"k" * 64 + b'"',
    b'"' + b"k" * 65 + b'"',
    '"é漢\U0001f600"'.encode(),
    '"{}"'.format("\U0001f600" * 64).encode(),
    b'"a\\u0000b"',
    b'"a\\u0001b"',
    b'"a\x7fb"',
    '"a\x85b"'.encode(),
    '"\u00a0"'.encode(),
    b'"\\ud83d\\ude00"',
    b'"\\ud83d"',
    b'"\\ude00\\ud83d"',
    b'"a\x00b"',
    b'"a\xffb"',
    b'"\xed\xa0\x80"',
    b'"\\"',
    b'"\\\\u0000"',
    b'"\\\\\\u0000"',
    b'"a.1234567"',
    b'"' + b"x" * 300 + b'"',
    '"{}"'.format("é" * 40_000).encode(),
    b"null",
    b"7",
    b"true",
]
NUMBERS = [b"0", b"-1", b"2147483647", b"2147483648", b"1.0", b"1e3", b"-0", b"01", b"9" * 500, b'"1"', b"null"]
OBJECTS = [
    b"{}",
    b" { } ",
    b'{"a": {"b": [1, 2.50, 1e999]}}',
    b'{"a": "\\u0000"}',
    b'{"\\u0000": 1}',
    b'{"a": "\\ud800"}',
    b'{"a": "\xff"}',
    b'{"a": NaN}',
    b'{"a": ' + b"9" * 401 + b"}",
    b'{"a": "' + b"9" * 401 + b'"}',
    b'{"a": 1.1234567}',
    b'{"a": ' * 27 + b"1" + b"}" * 27,
    b'{"a": ' * 28 + b"1" + b"}" * 28,
    b'{"a": "' + b"x" * 65_526 + b'"}',
    b'{"a": "' + b"x" * 65_527 + b'"}',
    b'{"a": "\x00{"}',
    b'{"a": 1, "a": 2}',
    b"[]",
    b"null",
    b'"{}"',
    b'{"a": 1',
]
KINDS = {"identifier": TEXTS, "text": TEXTS, "integer": NUMBERS, "object": OBJECTS, "instant": TIMES}


def fragments(collection: Collection) -> st.SearchStrategy[bytes]:
    """The text of a record: mostly sound, here and there a value from the lists, now and then a broken byte."""

    def values(name: str) -> st.SearchStrategy[bytes]:
        field = collection.by_name[name]
        if field.type == "choice":
            return st.sampled_from([b'"pending"', b'"done"', b'"pend\\u0069ng"', b"null"])
        return st.sampled_from(KINDS[field.type])

    sound = {f.name: b'"pending"' if f.type == "choice" else b'"en"' for f in collection.fields if f.required}

    @st.composite
    def record(draw: st.DrawFn) -> bytes:
        members = dict(sound)
        for name in draw(st.lists(st.sampled_from(sorted(collection.by_name)), max_size=3, unique=True)):
            members[name] = draw(values(name))
        text = b"{" + b", ".join(b'"%s": %s' % (name.encode(), value) for name, value in members.items()) + b"}"
        if draw(st.integers(0, 9)) == 0:
            place = draw(st.integers(0, len(text) - 1))
            text = text[:place] + draw(st.binary(max_size=2)) + text[place + draw(st.integers(0, 2)) :]
        return text

    return record()


def verdict(schema: RecordSchema, text: bytes, *, neighbour: bytes = b"") -> object:
    """What was taken, as records; or None where nothing was."""
    try:
        checked = schema.check(b"[" + neighbour + text + b"]", NOW, partial=True)
    except PersistenceError:
        return None
    frame = Frame(accepted_at=NOW, first_revision=1 << 30, count=checked.count, payload=checked.payload, sequence=1)
    records = schema.records(frame)
    assert records == [schema.record_at(frame, index) for index in range(frame.count)]
    assert msgspec.structs.asdict(schema.outline(frame)) == msgspec.structs.asdict(checked.outline)
    assert [record.key for record in records] == list(checked.outline.keys)
    assert [record.created_at for record in records] == list(checked.outline.created_at)
    assert [record.updated_at for record in records] == list(checked.outline.updated_at)
    return records


@pytest.mark.parametrize("collection", [TASKS, SESSIONS], ids=lambda collection: collection.noun)
def test_both_ways_of_judging_a_record_agree(collection):
    schema = RecordSchema(collection)

    @settings(max_examples=400, deadline=None, derandomize=True)
    @given(text=fragments(collection))
    @example(text=b"")
    @example(text=b"{}")
    def check(text: bytes) -> None:
        assert verdict(schema, text) == verdict(schema, text, neighbour=BAD + b",")

    check()

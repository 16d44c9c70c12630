"""Records that are sent without their keys."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.backend import MemoryBackend
from adapters.memory.revision_ceiling import MemoryRevisionCeiling
from domain.errors import InvalidRecords
from domain.model import revisions
from domain.model.frames import Frame
from domain.model.logs import LOGS
from domain.model.query import Query, Sort
from domain.model.translation import TASKS
from domain.services.schema import Checked, RecordSchema
from tests.unit.domain.services.house import FaultyBackend, House

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIRST = revisions.compose(revisions.tick_at(NOW), 7, 4095)  # the next one carries into the milliseconds
schema = RecordSchema(LOGS)


def named(*records: object) -> Checked:
    return schema.named(schema.check(json.dumps(records).encode(), NOW), FIRST)


def test_a_record_without_a_key_gets_one_and_the_frame_says_so_whenever_it_is_read():
    checked = named({"level": "info", "message": "m"}, {"log_id": "own", "level": "info", "message": "m"})
    made, own = checked.outline.keys
    assert own == "own"
    frame = Frame(accepted_at=NOW, first_revision=FIRST, count=2, payload=checked.payload, sequence=1)
    assert [record.key for record in schema.records(frame)] == [made, own]
    assert schema.outline(frame) == checked.outline
    assert schema.record_at(frame, 0) == schema.records(frame)[0]


def test_the_rest_of_a_record_stays_as_it_was_sent():
    text = b'[{ "message":"\\u00e4" ,"level":"info","context":{"a":  1.0} }]'
    checked = schema.named(schema.check(text, NOW), FIRST)
    key = checked.outline.keys[0].encode()
    assert checked.payload == b'[{"log_id":"%s",' % key + text[2:]


def test_keys_are_made_of_revisions_alone_so_that_they_are_the_same_again():
    log = {"level": "info", "message": "m"}
    keys = named(*[log] * 5000).outline.keys
    assert keys == named(*[log] * 5000).outline.keys
    assert len(set(keys)) == 5000
    assert list(keys) == sorted(keys)
    first = UUID(keys[0])
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert datetime.fromtimestamp((first.int >> 80) / 1000, UTC) == NOW
    assert revisions.uuid_of(FIRST) != revisions.uuid_of(revisions.compose(revisions.tick_at(NOW), 8, 4095))


def test_two_instances_that_drew_one_number_make_no_key_twice():
    keys = {revisions.uuid_of(FIRST, salt) for salt in (0, 1, 2, revisions.SALTS - 1)}
    assert len(keys) == 4
    assert {revisions.made_at(key) for key in keys} == {NOW}


async def test_two_instances_that_drew_one_number_lose_no_log_of_the_same_moment():
    backend, log = FaultyBackend(MemoryBackend()), b'[{"level": "info", "message": "m"}]'
    for salt in (1, 2):
        house = House(backend)  # whose clock begins where the other's began
        house.ceiling = MemoryRevisionCeiling(5, salt)
        house.build()
        async with house.running():
            await house.buffer.accept(LOGS, log)
            await house.query.settle(LOGS)

    assert len((await backend.query(LOGS, Query(sort=(Sort("log_id"),), limit=10))).items) == 2


@pytest.mark.parametrize("seconds", [0, 1, 10**9])
def test_a_later_revision_has_a_greater_key(seconds):
    later = revisions.compose(revisions.tick_at(NOW + timedelta(seconds=seconds)), 1023, 4095)
    assert revisions.uuid_of(later) < revisions.uuid_of(revisions.nth(later, 1))


@pytest.mark.parametrize("key", ["", None, 7, "a" * 65, "a\n"])
def test_a_key_that_is_sent_must_be_one(key):
    with pytest.raises(InvalidRecords) as caught:
        named({"log_id": key, "level": "info", "message": "m"})
    assert [error.pointer for error in caught.value.errors] == ["/0/log_id"]


def test_a_collection_whose_keys_are_sent_has_none_made():
    tasks = RecordSchema(TASKS)
    with pytest.raises(InvalidRecords, match="1 of 1 records breaks a rule"):
        tasks.check(b'[{"session_id": "s"}]', NOW)


def test_a_made_key_tells_when_it_was_made_and_no_other_does():
    key = revisions.uuid_of(FIRST)
    assert revisions.made_at(key) == NOW
    others = [key.upper(), key.replace("-", ""), f"{{{key}}}", f" {key}", key[:-1], "", "a", "\udc00", "0" * 36]
    others += ["01a20d2c-fb03-7f06-9b8d-964f0a1cdd41", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"]  # of other makers
    others += [str(UUID(int=UUID(key).int ^ 1 << bit)) for bit in range(128)]
    others += ["ffffffff-ffff-7fff-8000-000000000000"]  # of a year that is none
    assert [revisions.made_at(other) for other in others] == [None] * len(others)

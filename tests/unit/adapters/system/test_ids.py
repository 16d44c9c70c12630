"""Request ids."""

import re
import time
import uuid

from adapters.system.ids import SystemIds


def test_a_request_id_is_a_uuid_of_version_seven():
    text = SystemIds().request_id()
    parsed = uuid.UUID(text)
    assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, text)


def test_a_request_id_tells_the_millisecond_it_was_given_in():
    before = time.time_ns() // 1_000_000
    milliseconds = uuid.UUID(SystemIds().request_id()).int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_request_ids_are_distinct_and_have_one_form():
    ids = [SystemIds().request_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f-]{36}", text) for text in ids)


def test_request_ids_sort_by_time():
    ids = SystemIds()
    earlier = ids.request_id()
    while (later := ids.request_id())[:13] == earlier[:13]:  # the same millisecond still
        pass
    assert earlier < later

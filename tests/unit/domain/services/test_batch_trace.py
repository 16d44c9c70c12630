"""Batches and the requests whose records they have."""

from __future__ import annotations

import json
from contextvars import copy_context
from datetime import UTC, datetime

from adapters.system.ids import SystemIds
from domain.errors import BackendUnavailable, RecordRefused
from domain.model.frames import FrameDraft, FrameHeaders
from domain.model.observations import BatchFlushed, RecordDeadLettered, StorageOperated
from domain.model.origin import Origin
from domain.model.tracing import CURRENT, Trace
from domain.model.translation import TASKS
from domain.services.batch_trace import MOST_LINKS, BatchTrace, links_of, sender_of
from tests.unit.domain.services.house import House, task


def trace(number, *, sampled=True):
    return Trace(f"{number + 1:032x}", f"{number + 1:016x}", sampled)


def frame(sequence, sent=None, count=1):
    headers = FrameHeaders(trace=sent.traceparent if sent else None)
    made = datetime(2026, 11, 29, tzinfo=UTC)
    draft = FrameDraft(accepted_at=made, first_revision=1, count=count, payload=b"[]", headers=headers)
    return draft.at(sequence)


def test_a_batch_is_linked_once_to_each_of_its_traced_requests_and_to_a_bounded_number():
    frames = [frame(1, trace(1)), frame(2, trace(1)), frame(3, trace(2, sampled=False)), frame(4), frame(5, trace(3))]
    assert links_of(frames) == (trace(1).traceparent, trace(3).traceparent)
    many = [trace(number) for number in range(500)]
    assert links_of([frame(n + 1, each) for n, each in enumerate(many)]) == tuple(
        each.traceparent for each in many[:MOST_LINKS]
    )


def test_who_sent_a_record_is_known_by_its_frame():
    frames = [frame(1, trace(1), count=10), frame(11), frame(21, trace(2), count=3)]
    found = [sender_of(frames, sequence) for sequence in (0, 1, 10, 11, 12, 20, 23, 24)]
    assert found == [None, trace(1), trace(1), None, None, None, trace(2), None]
    assert sender_of([], 1) is None


def test_all_tries_of_a_batch_are_one_trace_and_the_next_batch_is_another():
    def tried():
        house = House()
        batch = BatchTrace(SystemIds(), house.clock)
        batch.begin([frame(1, trace(1, sampled=False))], 5)
        first = CURRENT.get()
        batch.begin([frame(1, trace(1))], 7)
        again = CURRENT.get()
        assert (first.trace_id, first.span_id, first.sampled) == (again.trace_id, again.span_id, False)
        assert (again.sampled, batch.waiting) == (True, 7)
        batch.end()
        assert CURRENT.get() is None
        batch.begin([frame(2)], 1)
        assert CURRENT.get().trace_id != again.trace_id

    copy_context().run(tried)


async def test_a_flush_tells_of_the_requests_behind_it_and_a_dead_letter_of_its_own():
    house = House()
    house.backend.errors = [BackendUnavailable()]
    house.backend.poison = {"b": RecordRefused("too long", index=0)}
    async with house.running(draining=False):
        for number, key in enumerate("abc"):
            body = json.dumps([task(key)]).encode()
            await house.buffer.accept(TASKS, body, origin=Origin(trace=trace(number)))
        await house.flush.start()
        await house.settled()

    (flushed,) = house.observed(BatchFlushed)
    assert flushed.links == tuple(trace(number).traceparent for number in range(3))
    assert (flushed.records, flushed.requests, flushed.waiting) == (3, 3, 3)
    assert flushed.tried_seconds >= flushed.seconds
    assert [letter.trace for letter in house.observed(RecordDeadLettered)] == [trace(1)]
    assert {seen.collection for seen in house.observed(StorageOperated)} == {TASKS.name}

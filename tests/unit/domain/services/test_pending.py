"""The pending view against a model: whatever comes and goes, it shows the greatest pending version of each key."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.frames import Frame
from domain.model.records import Record
from domain.model.revisions import nth
from domain.model.translation import TASKS
from domain.services.pending import PendingView
from domain.services.schema import RecordSchema
from tests.unit.domain.services.house import task

schema = RecordSchema(TASKS)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

record = st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3))
frames = st.lists(st.lists(record, min_size=1, max_size=4), min_size=1, max_size=8)


def made(records, sequence: int, first_revision: int) -> Frame:
    bodies = [
        task(
            key,
            updated_at=(BEGIN + timedelta(seconds=updated)).isoformat(),
            created_at=(BEGIN + timedelta(seconds=created)).isoformat(),
        )
        for key, updated, created in records
    ]
    return Frame(
        accepted_at=BEGIN,
        first_revision=first_revision,
        count=len(records),
        payload=json.dumps(bodies).encode(),
        sequence=sequence,
    )


def expected(key: str, pending: list[Frame]) -> tuple | None:
    writes: list[Record] = [r for frame in pending for r in schema.records(frame) if r.key == key]
    if not writes:
        return None
    best = max(writes, key=lambda r: r.version)
    return best.version, min(r.created_at for r in writes)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(batches=frames, order=st.randoms(use_true_random=False), gone=st.lists(st.integers(0, 40), max_size=5))
def test_the_view_agrees_with_all_pending_records(batches, order, gone):
    view = PendingView(schema)
    log, sequence = [], 1
    for number, records in enumerate(batches):
        log.append(made(records, sequence, nth(1 << 40, number * 10)))
        sequence += len(records)
    for frame in order.sample(log, len(log)):
        view.add(frame, schema.outline(frame))
    applied = 0
    for through in [0, *sorted(gone)]:
        view.applied(through)
        applied = max(applied, through)
        pending = [frame for frame in log if frame.last > applied]
        for key in "abc":
            found = view.get(key)
            assert (found and (found.version, found.created_at)) == expected(key, pending)
        assert view.of_parent("s1") == sum(frame.count for frame in pending)
        assert view.weight == sum(frame.weight for frame in pending)


def test_a_frame_that_was_applied_before_it_was_shown_is_not_shown():
    view = PendingView(schema)
    frame = made([("a", 1, 1)], 1, 1 << 40)
    view.applied(1)
    view.add(frame, schema.outline(frame))

    assert view.get("a") is None
    assert view.weight == 0


def test_a_concealed_frame_weighs_and_shows_nothing():
    view = PendingView(schema)
    shown, concealed = made([("a", 1, 1)], 1, 1 << 40), made([("a", 2, 1)], 2, 1 << 41)
    view.conceal(concealed)
    view.add(shown, schema.outline(shown))

    assert view.get("a").version == (BEGIN + timedelta(seconds=1), 1 << 40)
    assert view.of_parent("s1") == 1
    assert view.weight == shown.weight + concealed.weight
    view.applied(1)
    assert view.weight == concealed.weight
    view.applied(2)
    view.conceal(concealed)
    assert view.weight == 0


def test_the_memory_that_waiting_frames_take_is_near_their_weight():
    """Of the smallest frames, where everything but the payload weighs most; the bound of the service rests on it."""
    bodies = [json.dumps([task(f"t{i:036d}", session_id=f"s{i:036d}")]).encode() for i in range(5000)]
    tracemalloc.start()
    try:
        view = PendingView(schema)
        for sequence, text in enumerate(bodies, 1):
            payload = bytes(bytearray(text))  # memory of its own, as from the network
            accepted_at = BEGIN + timedelta(microseconds=sequence)
            frame = Frame(
                accepted_at=accepted_at, first_revision=sequence << 30, count=1, payload=payload, sequence=sequence
            )
            view.add(frame, schema.check(payload, accepted_at).outline)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken < 1.3 * view.weight

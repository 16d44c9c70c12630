"""PATCH and DELETE: merged on the visible record, judged by the flush."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.errors import (
    BackendUnavailable,
    BufferFull,
    FlushIncomplete,
    InvalidRecords,
    MalformedBody,
    PayloadTooLarge,
    PreconditionFailed,
    RecordNotFound,
    RecordRefused,
    VersionStale,
    WriteConflict,
)
from domain.model.built_in import BUILT_IN
from domain.model.frames import Frame, FrameHeaders
from domain.model.observations import BatchFlushed
from domain.model.policies import BufferPolicy
from domain.model.records import Verdict
from domain.model.translation import SESSIONS, TASKS
from domain.services.batches import cut
from domain.services.schema import Schemas
from tests.unit.domain.services.house import START, House, session, task


def value(record, field, collection=TASKS):
    return record.values[collection.positions[field]]


def patch(**changes: object) -> bytes:
    return json.dumps(changes).encode()


async def test_a_patch_changes_what_it_names_and_keeps_the_rest():
    house = House()
    async with house.running():
        await house.post(task(priority=3, translated_text="Hallo", created_at="2026-01-01T00:00:00Z"))
        record = await house.changes.patch(TASKS, "t1", patch(status="completed", translated_text=None))
        stored = await house.backend.read(TASKS, "t1")

    assert record == stored
    assert [value(record, name) for name in ("status", "translated_text", "priority")] == ["completed", None, 3]
    assert record.created_at == datetime(2026, 1, 1, tzinfo=UTC)


async def test_null_clears_a_field_to_its_default_and_a_required_one_is_refused():
    house = House()
    async with house.running():
        await house.post(task(priority=3, metadata={"a": 1}))
        record = await house.changes.patch(TASKS, "t1", patch(priority=None, metadata=None, created_at=None))
        assert (value(record, "priority"), value(record, "metadata")) == (0, "{}")
        with pytest.raises(InvalidRecords) as caught:
            await house.changes.patch(TASKS, "t1", patch(source_text=None))
    assert caught.value.errors[0].pointer == "/0/source_text"


async def test_metadata_is_merged_member_by_member_and_untouched_text_stays():
    house = House()
    async with house.running():
        await house.buffer.accept(
            TASKS, json.dumps([task()]).encode()[:-2] + b',"metadata":{"z": 1.10, "a": {"x":1,"y": [ 2 ]}, "gone":0}}]'
        )
        record = await house.changes.patch(TASKS, "t1", b'{"metadata": {"a": {"x": null, "n": {}}, "gone": null}}')
        assert value(record, "metadata") == '{"z":1.10,"a":{"y":[ 2 ],"n":{}}}'
        again = await house.changes.patch(TASKS, "t1", patch(status="failed"))
        assert value(again, "metadata") == value(record, "metadata")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"[]", InvalidRecords),
        (b"1", InvalidRecords),
        (b"{", MalformedBody),
        (b'{"colour": 1}', InvalidRecords),
        (b'{"status": "lost"}', InvalidRecords),
        (b'{"task_id": "other"}', InvalidRecords),
        (b'{"task_id": 1}', InvalidRecords),
        (b'{"metadata": [1]}', InvalidRecords),
        (b'{"updated_at": "2030-01-01T00:00:00Z"}', InvalidRecords),
        (b'{"updated_at": "2020-01-01T00:00:00Z"}', VersionStale),
    ],
)
async def test_a_bad_patch_is_refused_and_changes_nothing(text, error):
    house = House()
    async with house.running():
        await house.post(task())
        before = await house.query.get(TASKS, "t1")
        with pytest.raises(error):
            await house.changes.patch(TASKS, "t1", text)
        assert await house.query.get(TASKS, "t1") == before


async def test_a_patch_of_a_missing_or_deleted_record_is_not_found():
    house = House()
    async with house.running():
        with pytest.raises(RecordNotFound):
            await house.changes.patch(TASKS, "t1", patch(status="failed"))
        await house.post(task())
        await house.changes.delete(TASKS, "t1")
        with pytest.raises(RecordNotFound):
            await house.changes.patch(TASKS, "t1", patch(status="failed"))


async def test_concurrent_patches_of_one_record_all_take_effect():
    house = House()
    async with house.running():
        await house.post(task(metadata={}))
        await asyncio.gather(*(house.changes.patch(TASKS, "t1", patch(metadata={f"k{i}": i})) for i in range(30)))
        record = await house.query.get(TASKS, "t1")

    assert json.loads(value(record, "metadata")) == {f"k{i}": i for i in range(30)}


class Interloper:
    """Writes behind the service's back, as another instance would, before the next conditional statements."""

    def __init__(self, house: House, times: int) -> None:
        self.house, self.times, self.inner = house, times, house.backend.write_conditional

    async def __call__(self, collection, writes):
        if self.times:
            self.times -= 1
            key = writes[0].record.key
            stored = await self.house.backend.read(collection, key)
            newer = msgspec.structs.replace(
                stored, revision=stored.revision + 1, values=(*stored.values[:8], self.times, *stored.values[9:])
            )
            await self.house.backend.inner.write(collection, [newer])
        return await self.inner(collection, writes)


async def test_a_conflict_is_tried_again_on_the_new_state():
    house = House()
    async with house.running():
        await house.post(task())
        await house.settled()
        house.backend.write_conditional = Interloper(house, 3)
        record = await house.changes.patch(TASKS, "t1", patch(status="failed"))
        assert await house.backend.read(TASKS, "t1") == record

    assert (value(record, "status"), value(record, "priority")) == ("failed", 0)


async def test_after_three_more_conflicts_the_caller_decides():
    house = House()
    async with house.running():
        await house.post(task())
        await house.settled()
        house.backend.write_conditional = Interloper(house, 9)
        with pytest.raises(WriteConflict):
            await house.changes.patch(TASKS, "t1", patch(status="failed"))
        assert value(await house.query.get(TASKS, "t1"), "status") == "pending"


async def test_if_match_takes_the_visible_tag_and_refuses_an_older_one_with_the_stored_record():
    house = House()
    async with house.running():
        await house.post(task())
        tag = (await house.query.get(TASKS, "t1")).tag
        record = await house.changes.patch(TASKS, "t1", patch(status="failed"), if_match=["x", tag])
        for attempt in (
            house.changes.patch(TASKS, "t1", patch(status="completed"), if_match=[tag]),
            house.changes.delete(TASKS, "t1", if_match=[tag]),
        ):
            with pytest.raises(PreconditionFailed) as caught:
                await attempt
            assert caught.value.current == record
        await house.changes.patch(TASKS, "t1", patch(status="completed"), if_match=["*"])
        with pytest.raises(PreconditionFailed):
            await house.changes.patch(TASKS, "absent", patch(status="completed"), if_match=["*"])


async def test_if_match_is_checked_again_by_the_flush():
    house = House()
    async with house.running():
        await house.post(task())
        await house.settled()
        tag = (await house.query.get(TASKS, "t1")).tag
        house.backend.write_conditional = Interloper(house, 1)
        with pytest.raises(PreconditionFailed):
            await house.changes.patch(TASKS, "t1", patch(status="failed"), if_match=[tag])


class ReplyLost:
    """The next conditional statement is executed, its reply lost; another instance writes before it is repeated."""

    def __init__(self, house: House) -> None:
        self.house, self.inner = house, house.backend.write_conditional

    async def __call__(self, collection, writes):
        self.house.backend.write_conditional = self.inner
        await self.inner(collection, writes)
        stored = writes[0].record
        values = (*stored.values[:8], 7, *stored.values[9:])
        newer = msgspec.structs.replace(stored, revision=stored.revision + (1 << 30), values=values)
        await self.house.backend.inner.write(collection, [newer])
        raise BackendUnavailable("The reply is lost.")


@pytest.mark.parametrize("by_tag", [False, True], ids=["patch", "patch with If-Match"])
async def test_what_was_stored_is_not_done_again_where_its_reply_was_lost_and_others_have_written_since(by_tag):
    house = House()
    async with house.running():
        await house.post(task(priority=1))
        await house.settled()
        tag = (await house.query.get(TASKS, "t1")).tag
        house.backend.write_conditional = ReplyLost(house)
        change = patch(status="failed", priority=3)
        record = await house.changes.patch(TASKS, "t1", change, if_match=[tag] if by_tag else None)
        visible = await house.query.visible(TASKS, "t1")

    assert (value(record, "status"), value(record, "priority")) == ("failed", 3)
    assert (value(visible, "status"), value(visible, "priority")) == ("failed", 7)


async def test_a_delete_hides_the_record_at_once_and_for_good():
    house = House()
    async with house.running(draining=False):
        await house.post(task(updated_at="2026-11-24T12:04:00Z", created_at="2026-01-01T00:00:00Z"))
        await house.changes.delete(TASKS, "t1")
        assert await house.query.visible(TASKS, "t1") is None
        with pytest.raises(RecordNotFound):
            await house.changes.delete(TASKS, "t1")
        await house.flush.start()
        await house.settled()
        stone = await house.backend.read(TASKS, "t1")
        assert await house.query.visible(TASKS, "t1") is None

    assert stone.deleted_at == stone.updated_at >= datetime(2026, 11, 24, 12, 4, tzinfo=UTC)
    assert stone.created_at == datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_delete_with_a_precondition_waits_for_its_verdict():
    house = House()
    async with house.running():
        await house.post(task())
        tag = (await house.query.get(TASKS, "t1")).tag
        await house.changes.delete(TASKS, "t1", if_match=[tag])
        assert (await house.backend.read(TASKS, "t1")).deleted_at


async def test_an_older_write_does_not_raise_the_dead_and_a_newer_one_does():
    house = House()
    async with house.running():
        await house.post(task())
        await house.changes.delete(TASKS, "t1")
        await house.post(task(updated_at="2026-11-24T11:00:00Z"))
        await house.settled()
        assert await house.query.visible(TASKS, "t1") is None
        await house.post(task())
        await house.settled()
        assert await house.query.visible(TASKS, "t1")


async def test_a_batch_of_patches_answers_item_by_item():
    house = House()
    async with house.running():
        await house.post(task("a"), task("b"), task("c", updated_at="2026-11-24T12:03:00Z"), task("d"))
        house.backend.poison = {"d": RecordRefused("too long")}
        results = await house.changes.patch_many(
            TASKS,
            json.dumps(
                [
                    {"task_id": "b", "status": "failed"},
                    {"task_id": "missing", "status": "failed"},
                    {"task_id": "c", "status": "failed", "updated_at": "2026-11-24T12:01:00Z"},
                    {"task_id": "d", "status": "failed"},
                    {"task_id": "a", "status": "completed"},
                ]
            ).encode(),
        )

    assert [(r.index, r.key, r.verdict, r.problem and r.problem.code) for r in results] == [
        (0, "b", Verdict.STORED, None),
        (1, "missing", None, "record_not_found"),
        (2, "c", Verdict.STALE, "version_stale"),
        (3, "d", Verdict.DEAD_LETTERED, "record_refused"),
        (4, "a", Verdict.STORED, None),
    ]


@pytest.mark.parametrize(
    ("items", "pointer"),
    [
        ([{"task_id": "a"}, {"status": "failed"}], "/1/task_id"),
        ([{"task_id": "a"}, {"task_id": "b", "status": "lost"}], "/1/status"),
        ([{"task_id": "a"}, {"task_id": "a"}], "/1/task_id"),
        ([{"task_id": "a"}, 5], "/1"),
        ([{"task_id": "missing"}, {"task_id": "a"}, {"task_id": "b", "nope": 1}], "/2/nope"),
    ],
)
async def test_a_bad_item_refuses_the_batch_of_patches_with_its_place(items, pointer):
    house = House()
    async with house.running():
        await house.post(task("a"), task("b"))
        with pytest.raises(InvalidRecords) as caught:
            await house.changes.patch_many(TASKS, json.dumps(items).encode())

    assert caught.value.errors[0].pointer == pointer


async def test_every_item_without_a_usable_key_is_named():
    house = House()
    async with house.running():
        await house.post(task("a"))
        items = [{"status": "failed"}, {"task_id": "a"}, {"task_id": "a"}, 5]
        with pytest.raises(InvalidRecords, match="3 of 4 changes") as caught:
            await house.changes.patch_many(TASKS, json.dumps(items).encode())

    assert [error.pointer for error in caught.value.errors] == ["/0/task_id", "/2/task_id", "/3"]


async def test_sessions_are_patched_too():
    house = House()
    async with house.running():
        await house.post(session(), collection=SESSIONS)
        record = await house.changes.patch(SESSIONS, "s1", patch(total_tasks=7))

    assert value(record, "total_tasks", SESSIONS) == 7


@pytest.mark.parametrize("metadata", [b'{"a": {"\xff": 1}}', b'{"\xff": 1}', b'{"a": "\xff"}', b'{"a": "\\ud800"}'])
async def test_a_batch_of_patches_with_text_that_is_none_is_malformed(metadata):
    house = House()
    async with house.running():
        await house.post(task("a", metadata={"a": {}}))
        with pytest.raises(MalformedBody):
            await house.changes.patch_many(TASKS, b'[{"task_id": "a", "metadata": %s}]' % metadata)


async def test_a_clock_that_was_set_back_bars_no_patch_and_lets_none_run_ahead():
    house = House()
    async with house.running():
        await house.post(task())
        base = await house.query.get(TASKS, "t1")
        house.clock.moment -= timedelta(hours=1)
        record = await house.changes.patch(TASKS, "t1", patch(status="completed"))
        ahead = (base.updated_at + timedelta(microseconds=1)).isoformat()
        with pytest.raises(InvalidRecords) as caught:
            await house.changes.patch(TASKS, "t1", patch(status="failed", updated_at=ahead))

    assert (record.updated_at, record.created_at) == (base.updated_at, base.created_at)
    assert value(record, "status") == "completed"
    assert caught.value.errors[0].code == "version_in_future"


async def test_small_patches_of_large_records_are_refused_before_they_fill_the_memory():
    house = House()
    async with house.running():
        for i in range(20):
            await house.post(task(f"t{i:02}", source_text="x" * 500_000))
        items = [{"task_id": f"t{i:02}", "status": "completed"} for i in range(20)]
        with pytest.raises(PayloadTooLarge, match="fewer"):
            await house.changes.patch_many(TASKS, json.dumps(items).encode())
        assert value(await house.query.get(TASKS, "t00"), "status") == "pending"
        results = await house.changes.patch_many(TASKS, json.dumps(items[:10]).encode())

    assert {result.verdict for result in results} == {Verdict.STORED}


async def test_changes_that_wait_for_a_broken_backend_count_against_the_bound():
    house = House(policy=BufferPolicy(max_bytes=20_000, linger_seconds=0.001, read_deadline_seconds=0.01))
    async with house.running():
        await house.post(task())
        await house.flush.flush([TASKS], 2)
        house.backend.errors = [BackendUnavailable("away")] * 1000

        async def insist() -> None:
            for _ in range(100):
                with suppress(FlushIncomplete):
                    await house.changes.patch(TASKS, "t1", patch(status="completed"))

        with pytest.raises(BufferFull):
            await insist()
        house.backend.errors.clear()
        await house.flush.flush([TASKS], 10)
        await house.post(*(task(f"n{i}") for i in range(20)))


async def test_changes_of_distinct_records_share_a_batch():
    house = House()
    keys = [f"t{i}" for i in range(20)]
    async with house.running():
        await house.post(*(task(key) for key in keys))
        await house.settled()
        begun = len(house.observed(BatchFlushed))
        patched = await asyncio.gather(*(house.changes.patch(TASKS, key, patch(priority=3)) for key in keys))

    batches = house.observed(BatchFlushed)[begun:]
    assert sum(batch.records for batch in batches) == 20
    assert len(batches) < 10
    assert {value(record, "priority") for record in patched} == {3}


def frame(sequence: int, *keys: str, base: int = 0, bad: bool = False) -> Frame:
    return Frame(
        accepted_at=START,
        first_revision=sequence,
        count=len(keys),
        payload=b"[1]" if bad else json.dumps([task(key) for key in keys]).encode(),
        headers=FrameHeaders(base_revisions=(base,) * len(keys) if base else ()),
        sequence=sequence,
    )


@pytest.mark.parametrize(
    ("frames", "size", "taken"),
    [
        ([frame(1, "a"), frame(2, "a"), frame(3, "b")], 9, 3),  # plain ones may meet
        ([frame(1, "a"), frame(2, "b", base=1), frame(3, "c"), frame(4, "d", base=1)], 9, 4),
        ([frame(1, "a"), frame(2, "a", base=1), frame(3, "c")], 9, 1),  # builds on the first
        ([frame(1, "a", base=1), frame(2, "b"), frame(3, "c", "a")], 9, 2),  # the first is not built on the third
        ([frame(1, "a", base=1), frame(2, "a", base=2)], 9, 1),
        ([frame(1, "a", base=1), frame(2, "x", bad=True), frame(3, "b")], 9, 1),
        ([frame(1, "x", base=1, bad=True), frame(2, "b")], 9, 1),
        ([frame(1, "a", "b"), frame(2, "c"), frame(3, "d", base=1)], 3, 2),  # size comes first
        ([frame(1, "a", "b"), frame(2, "c")], 1, 1),
    ],
)
async def test_a_batch_ends_before_two_writes_of_a_key_of_which_one_builds_on_a_state(frames, size, taken):
    batch = await cut(frames, size, Schemas(BUILT_IN).of(TASKS.name))
    assert [found.sequence for found in batch.frames] == list(range(1, taken + 1))

"""Replays of dead letters: in their version, once, and never lost on the way."""

from __future__ import annotations

import asyncio
import json

import pytest

from adapters.memory.backend import MemoryBackend
from domain.errors import (
    AbilityMissing,
    BackendUnavailable,
    BufferFull,
    Conflict,
    DeadLetterNotFound,
    InvalidRecords,
    JournalFull,
    NotReplayable,
    RecordRefused,
    SlowDown,
)
from domain.model.dead_letters import EVERY_LETTER, DeadLetter, LetterBounds, LetterFilter
from domain.model.frames import FrameKind
from domain.model.observations import CollectionPaused, DeadLettersPurged, DeadLettersReplayed
from domain.model.policies import BufferPolicy
from domain.model.records import Verdict
from domain.model.translation import SESSIONS, TASKS
from domain.services import pace
from domain.services.buffer import NOBODY
from domain.services.schema import Schemas
from tests.unit.domain.services.house import House, Minimal, session, task

PRIORITY = TASKS.positions["priority"]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(pace, "_STRUCTURAL_PAUSE", 0.01)


async def poisoned(house, *records):
    """Dead letters of records, which nothing refuses from here on."""
    house.backend.poison = {record["task_id"]: RecordRefused("no") for record in records}
    await house.post(*records)
    await house.settled()
    house.backend.poison = {}
    return await house.dead_letters.find(limit=1000)


async def test_a_replayed_record_is_stored_in_the_version_that_it_had_and_the_letter_is_gone():
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a", priority=3))
        house.clock.moment = house.clock.moment.replace(hour=18)
        done = await house.letters.replay(letter.id, None, timeout=5)
        record = await house.backend.read(TASKS, "a")

        assert (done.verdict, done.revision) == (Verdict.STORED, letter.revision)
        assert record.revision == letter.revision
        assert record.updated_at.isoformat() == record.created_at.isoformat() == letter.accepted_at
        assert record.values[PRIORITY] == 3
        assert await house.dead_letters.find(limit=9) == ()
        with pytest.raises(DeadLetterNotFound):
            await house.letters.replay(letter.id, None, timeout=5)
        assert len(house.observed(DeadLettersReplayed)) == 1
        state = await house.receipt_service.status(done.receipt)
        assert (state.state, state.exceptions) == ("applied", ())


async def test_a_backlog_is_not_called_old_for_a_letter_that_is():
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a"))
        house.backend.errors = [BackendUnavailable("away")] * 1000
        house.clock.moment = house.clock.moment.replace(day=28)
        assert (await house.letters.replay(letter.id, None, timeout=0.05)).verdict is None
        depth = await house.write_buffer.depth(TASKS.name)
        assert depth.oldest_accepted_at.day == 28


@pytest.mark.parametrize("newer", ["stored", "pending", "deleted"])
async def test_a_replay_of_what_was_overtaken_is_stale(newer):
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a", priority=3))
        await house.post(task("a", priority=9))
        if newer == "stored":
            await house.settled()
        if newer == "deleted":
            await house.changes.delete(TASKS, "a")
        done = await house.letters.replay(letter.id, None, timeout=5)
        await house.settled()

        assert done.verdict is Verdict.STALE
        visible = await house.query.visible(TASKS, "a")
        assert visible is None if newer == "deleted" else visible.values[PRIORITY] == 9
        assert await house.dead_letters.find(limit=9) == ()


async def test_the_stored_state_is_that_of_a_history_in_which_the_letter_was_never_refused():
    plain, house = House(), House()
    records = [task("a", priority=1, updated_at="2026-11-24T10:00:00Z"), task("a", priority=2)]
    async with plain.running():
        for record in records:
            await plain.post(record)
        await plain.settled()
        expected = await plain.backend.read(TASKS, "a")
    async with house.running():
        (letter,) = await poisoned(house, records[0])
        await house.post(records[1])
        await house.settled()
        await house.letters.replay(letter.id, None, timeout=5)
        found = await house.backend.read(TASKS, "a")

    assert found.values == expected.values
    assert found.created_at.hour == expected.created_at.hour


async def test_a_record_that_is_refused_again_is_another_letter_and_no_loop():
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a"))
        house.backend.poison = {"a": RecordRefused("still not")}
        done = await house.letters.replay(letter.id, None, timeout=5)
        (again,) = await house.dead_letters.find(limit=9)

        assert done.verdict is Verdict.DEAD_LETTERED
        assert done.new_id == again.id != letter.id
        assert (again.detail, again.key, again.revision) == ("still not", "a", letter.revision)
        tries = house.backend.tries
        await asyncio.sleep(0.05)
        assert house.backend.tries == tries


async def test_an_edited_record_takes_its_place_as_a_write_of_the_same_time():
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a", priority=1))
        edited = json.dumps(task("a", priority=2)).encode()
        done = await house.letters.replay(letter.id, edited, timeout=5)
        record = await house.backend.read(TASKS, "a")

        assert done.verdict is Verdict.STORED
        assert record.values[PRIORITY] == 2
        assert record.updated_at.isoformat() == letter.accepted_at
        assert record.revision > letter.revision


async def test_an_edited_record_loses_against_a_later_write():
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a", priority=1))
        await house.post(task("a", priority=9))
        edited = json.dumps(task("a", priority=2)).encode()
        assert (await house.letters.replay(letter.id, edited, timeout=5)).verdict is Verdict.STALE


@pytest.mark.parametrize("edited", [b'{"task_id": 7}', b"[]", b"7", b'{"task_id": "a"}', b"{}", b"[{}, {}]"])
async def test_an_edit_that_breaks_a_rule_changes_nothing(edited):
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a"))
        head = (await house.write_buffer.depth(TASKS.name)).head
        with pytest.raises(InvalidRecords):
            await house.letters.replay(letter.id, edited, timeout=5)
        assert await house.dead_letters.find(limit=9) == (letter,)
        assert (await house.write_buffer.depth(TASKS.name)).head == head


async def test_a_record_that_todays_rules_refuse_and_one_of_which_nothing_is_left_stay():
    house = House()
    given = {"lane": TASKS.name, "accepted_at": "2026-11-24T10:00:00+00:00", "failed_at": "2026-11-24T10:00:01+00:00"}
    old = DeadLetter(sequence=1, revision=5, key="a", record=b'{"task_id":"a"}', code="x", detail="", **given)
    lost = DeadLetter(sequence=2, revision=0, key="", record=b"", code="frame_quarantined", detail="", **given)
    await house.dead_letters.add([old, lost])
    async with house.running():
        with pytest.raises(InvalidRecords):
            await house.letters.replay(old.id, None, timeout=5)
        with pytest.raises(NotReplayable):
            await house.letters.replay(lost.id, None, timeout=5)
        sweep = await house.letters.sweep(EVERY_LETTER, after=None, limit=10, timeout=5)

    assert (dict(sweep.verdicts), sweep.kept) == ({}, 2)
    assert await house.dead_letters.find(limit=9) == (old, lost)


async def test_a_conditional_write_is_not_replayed_towards_a_backend_that_has_none():
    house = House(Minimal(MemoryBackend()))
    moments = {"accepted_at": "2026-11-24T10:00:00+00:00", "failed_at": "2026-11-24T10:00:01+00:00"}
    record = json.dumps(task("a")).encode()
    letter = DeadLetter(
        lane=TASKS.name,
        sequence=1,
        revision=5,
        key="a",
        record=record,
        code="x",
        detail="",
        base_revision=4,
        **moments,
    )
    await house.dead_letters.add([letter])
    async with house.running():
        with pytest.raises(AbilityMissing, match="lacks the ability ConditionalWrites"):
            await house.letters.replay(letter.id, None, timeout=5)
        assert (await house.letters.sweep(EVERY_LETTER, after=None, limit=10, timeout=5)).kept == 1
    assert await house.dead_letters.find(limit=9) == (letter,)


async def test_a_delete_is_replayed_as_one_and_cannot_be_edited():
    house = House()
    async with house.running():
        await house.post(task("a"))
        await house.settled()
        house.backend.poison = {"a": RecordRefused("no")}
        await house.changes.delete(TASKS, "a")
        await house.settled()
        house.backend.poison = {}
        (letter,) = await house.dead_letters.find(limit=9)
        with pytest.raises(Conflict):
            await house.letters.replay(letter.id, b"{}", timeout=5)

        assert letter.kind is FrameKind.DELETE
        assert await house.query.visible(TASKS, "a")
        assert (await house.letters.replay(letter.id, None, timeout=5)).verdict is Verdict.STORED
        assert await house.query.visible(TASKS, "a") is None


@pytest.mark.parametrize(("changed", "verdict"), [(False, Verdict.STORED), (True, Verdict.CONFLICT)])
async def test_a_conditional_write_still_builds_on_what_it_built_on(changed, verdict):
    house = House()
    schema = Schemas([TASKS]).of(TASKS.name)
    async with house.running():
        await house.post(task("a", updated_at="2026-11-24T10:00:00Z"))
        await house.settled()
        base = (await house.backend.read(TASKS, "a")).revision
        house.backend.poison = {"a": RecordRefused("no")}
        checked = schema.check(json.dumps([task("a", priority=4)]).encode(), house.clock.now())
        await house.buffer.accept_conditional(TASKS, checked, (base,), FrameKind.WRITE, origin=NOBODY)
        await house.flush.flush([TASKS], 5)
        house.backend.poison = {}
        (letter,) = await house.dead_letters.find(limit=9)
        if changed:
            await house.post(task("a", priority=1, updated_at="2026-11-24T10:30:00Z"))
            await house.settled()

        assert letter.base_revision == base
        assert (await house.letters.replay(letter.id, None, timeout=5)).verdict is verdict
        record = await house.backend.read(TASKS, "a")
        assert record.values[PRIORITY] == (1 if changed else 4)


@pytest.mark.parametrize("crash", ["before the journal", "after the journal", "after it was stored"])
async def test_a_crash_on_the_way_loses_nothing_and_another_replay_changes_nothing(crash):
    """What a crash leaves: the letter with or without its record in the log; the whole service is built anew."""
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a", priority=3))

    async def lost(*_, **__):
        raise BackendUnavailable("the process is gone")

    remove, append = house.dead_letters.remove, house.write_buffer.append
    if crash == "before the journal":
        house.write_buffer.append = lost
    house.dead_letters.remove = lost
    async with house.running(draining=crash == "after it was stored"):
        with pytest.raises(BackendUnavailable):
            await house.letters.replay(letter.id, None, timeout=5)
        if crash == "after it was stored":
            await house.settled()
    house.dead_letters.remove, house.write_buffer.append = remove, append
    assert await house.dead_letters.find(limit=9) == (letter,)

    house.build()
    async with house.running():
        assert (await house.letters.replay(letter.id, None, timeout=5)).verdict is Verdict.STORED
        record = await house.backend.read(TASKS, "a")
        assert (record.revision, record.values[PRIORITY]) == (letter.revision, 3)
        assert await house.dead_letters.find(limit=9) == ()


async def test_two_who_replay_a_letter_at_once_replay_it_once():
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a"))
        found = await asyncio.gather(
            *(house.letters.replay(letter.id, None, timeout=5) for _ in range(5)), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in found) == ["DeadLetterNotFound"] * 4 + ["Replayed"]


async def test_many_are_replayed_page_by_page_and_those_that_are_refused_again_only_once():
    house = House()
    async with house.running():
        letters = await poisoned(house, *(task(f"t{i:03}", priority=i) for i in range(250)))
        house.backend.poison = {f"t{i:03}": RecordRefused("still not") for i in range(0, 250, 50)}
        await house.post(task("t001", priority=999))
        after, before, total, pages = None, None, {}, 0
        while True:
            where = LetterFilter(code="record_refused", before=before)
            sweep = await house.letters.sweep(where, after=after, limit=70, timeout=5)
            if sweep.last == after:
                break
            after, before, pages = sweep.last, sweep.before, pages + 1
            for verdict, number in sweep.verdicts.items():
                total[verdict] = total.get(verdict, 0) + number

        assert len(letters) == 250
        assert total == {"stored": 244, "stale": 1, "dead_lettered": 5}
        assert pages == 4
        assert len(await house.dead_letters.find(limit=99)) == 5


async def test_a_sweep_passes_over_the_letters_of_a_collection_that_is_no_longer_declared():
    house = House()
    given = {"accepted_at": "2026-11-24T10:00:00+00:00", "failed_at": "2026-11-24T10:00:01+00:00"}
    old = DeadLetter(lane="old", sequence=1, revision=5, key="a", record=b"{}", code="x", detail="", **given)
    await house.dead_letters.add([old])
    async with house.running():
        await poisoned(house, task("a"))
        sweep = await house.letters.sweep(EVERY_LETTER, after=None, limit=10, timeout=5)
        assert (sweep.kept, dict(sweep.verdicts)) == (1, {"stored": 1})
        assert await house.dead_letters.find(limit=9) == (old,)


@pytest.mark.parametrize("purges", ["the letter", "all"])
async def test_a_letter_is_replayed_or_purged_but_never_both(purges):
    house = House()
    async with house.running():
        (letter,) = await poisoned(house, task("a"))
        append, on_its_way, goes_on = house.write_buffer.append, asyncio.Event(), asyncio.Event()

        async def slow(lane, draft, **how):
            on_its_way.set()
            await goes_on.wait()
            return await append(lane, draft, **how)

        house.write_buffer.append = slow
        replay = asyncio.create_task(house.letters.replay(letter.id, None, timeout=5))
        await on_its_way.wait()
        all_of_them = LetterFilter(before="2100-01-01")
        purge = house.letters.purge(letter.id) if purges == "the letter" else house.letters.purge_all(all_of_them)
        purging = asyncio.create_task(purge)
        await asyncio.sleep(0)
        goes_on.set()
        assert (await replay).verdict is Verdict.STORED
        (outcome,) = await asyncio.gather(purging, return_exceptions=True)
        assert outcome == 0 or isinstance(outcome, DeadLetterNotFound)


async def test_a_full_buffer_ends_a_sweep_and_what_was_not_journaled_stays():
    house = House()
    async with house.running():
        letters = await poisoned(house, *(task(f"t{i:03}") for i in range(200)))
        append, appended = house.write_buffer.append, 0

        async def filling(lane, draft, **how):
            nonlocal appended
            if appended >= 100:
                raise JournalFull("no room")
            appended += 1
            return await append(lane, draft, **how)

        house.write_buffer.append = filling
        sweep = await house.letters.sweep(EVERY_LETTER, after=None, limit=1000, timeout=5)
        assert sweep.verdicts == {"stored": 100}
        left = await house.dead_letters.find(limit=1000)
        assert len(left) == 100
        assert all(letter.id > sweep.last for letter in left)
        with pytest.raises(JournalFull):
            await house.letters.sweep(EVERY_LETTER, after=sweep.last, limit=1000, timeout=5)
        house.write_buffer.append = append
        sweep = await house.letters.sweep(EVERY_LETTER, after=sweep.last, limit=1000, timeout=5)
        assert sweep.verdicts == {"stored": 100}
    assert len(letters) == 200


async def test_letters_are_purged_one_by_one_and_by_filter():
    house = House()
    async with house.running():
        letters = await poisoned(house, *(task(f"t{i}") for i in range(5)))
        await house.letters.purge(letters[0].id)
        with pytest.raises(DeadLetterNotFound):
            await house.letters.purge(letters[0].id)
        assert await house.letters.purge_all(LetterFilter(key="t3")) == 1
        assert await house.letters.purge_all(LetterFilter(code="else")) == 0
        assert await house.letters.purge_all(LetterFilter(lane=TASKS.name)) == 3
    assert sum(seen.count for seen in house.observed(DeadLettersPurged)) == 5


async def test_full_dead_letters_hold_their_collection_back_and_lose_nothing():
    house = House()
    house.dead_letters.bounds = LetterBounds(max_records=3)
    house.build()
    async with house.running():
        await poisoned(house, *(task(f"t{i}") for i in range(3)))
        house.backend.poison = {"bad": RecordRefused("no")}
        receipt = (await house.post(task("bad"), task("good"))).receipt
        await house.buffer.accept(SESSIONS, json.dumps([session("s1")]).encode())
        await house.flush.flush([SESSIONS], 5)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if house.flush.states()[TASKS.name].paused:
                break

        assert house.flush.states()[TASKS.name].paused
        assert "The dead letters are full: 3 of 3" in house.flush.states()[TASKS.name].last_error
        assert len(house.observed(CollectionPaused)) == 1
        assert await house.backend.read(TASKS, "good")  # neighbours are stored, and intake goes on
        await house.post(task("later"))
        assert (await house.letters.level()).is_full
        assert (await house.receipt_service.status(str(receipt))).state == "pending"

        await house.letters.purge_all(LetterFilter(key="t1"))
        await house.settled()
        assert [letter.key for letter in await house.dead_letters.find(limit=9)] == ["t0", "t2", "bad"]
        assert await house.backend.read(TASKS, "later")
        assert not house.flush.states()[TASKS.name].paused


async def test_a_full_pending_log_refuses_a_replay_and_keeps_the_letter():
    house = House(policy=BufferPolicy(linger_seconds=0.001, read_deadline_seconds=2.0, max_bytes=2200))
    async with house.running():
        (letter,) = await poisoned(house, task("a"))
        house.backend.errors = [BackendUnavailable("away")] * 1000
        await house.post(task("b"))
        with pytest.raises((BufferFull, SlowDown)):
            await house.letters.replay(letter.id, None, timeout=1)
        with pytest.raises((BufferFull, SlowDown)):
            await house.letters.sweep(EVERY_LETTER, after=None, limit=9, timeout=1)
        assert await house.dead_letters.find(limit=9) == (letter,)

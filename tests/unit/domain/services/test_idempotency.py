"""Keys of requests: known from the log while it has their frames, and from the store afterwards."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import msgspec
import pytest

from adapters.memory.idempotency_keys import MemoryIdempotencyKeys
from adapters.memory.write_buffer import MemoryWriteBuffer
from domain.errors import (
    BackendUnavailable,
    IdempotencyKeyInProgress,
    IdempotencyKeyReused,
    JournalRefused,
    JournalUnreachable,
    PersistenceError,
)
from domain.model.frames import FrameDraft, numbered
from domain.model.idempotency import IdempotencyKey, KeyedFrame, KeyedPart
from domain.model.origin import Origin
from domain.services import keyed_log
from domain.services.buffer import headers_of
from domain.services.idempotency import Attempt, Idempotency
from domain.services.keyed_log import KeyedLog, LogKeys
from tests.unit.domain.services.house import START, SteppingClock

LANE = "translation_tasks"
KEY = IdempotencyKey("ann", "POST /tasks/batch", "k")
DIGEST = b"d" * 32


class FaultyKeys(MemoryIdempotencyKeys):
    """A store that a test can break, and whose clean-ups are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self.purges: list[int] = []

    async def add(self, frames) -> None:
        if self.is_broken:
            raise BackendUnavailable("The disk is full.")
        await super().add(frames)

    async def purge(self, before, limit) -> int:
        self.purges.append(await super().purge(before, limit))
        return self.purges[-1]


class FaultyLog(MemoryWriteBuffer):
    is_broken = False

    async def commit(self, lane, partition, reader, through) -> None:
        if self.is_broken:
            raise BackendUnavailable("The log is gone.")
        await super().commit(lane, partition, reader, through)


class House:
    """A log of tasks with its keys."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self.store = FaultyKeys()
        self.inner = FaultyLog([LANE])
        self.restart()

    def restart(self) -> None:
        """Forget what only a process knows."""
        self.keys = LogKeys(self.store, self.clock)
        self.idempotency = Idempotency(self.keys, self.clock)
        self.log = KeyedLog(self.inner, self.keys)

    async def append(self, key: IdempotencyKey | None = KEY, number: int = 0, **fields) -> int:
        """A frame of one record; its sequence."""
        keys = fields.pop("keys", ())
        part = KeyedPart(key=key, number=number, digest=DIGEST, keys=keys) if key else None
        headers = headers_of(Origin(principal=key.caller if key else None, part=part), 3)
        given = {"accepted_at": self.clock.now(), "first_revision": 1, "count": 1, "payload": b"[{}]"} | fields
        return (await self.log.append(LANE, FrameDraft(headers=headers, **given))).first

    async def commit(self, through: int) -> None:
        await self.log.commit(LANE, 0, "primary", through)

    async def read(self) -> None:
        await self.log.read(LANE, 0, 0, max_bytes=1 << 20, wait_seconds=0)

    async def found(self, key: IdempotencyKey = KEY) -> list[int]:
        """The sequences of the frames that a request under the key is told of."""
        async with self.idempotency.attempt(key) as attempt:
            return [frame.first for frame in attempt.frames]

    async def stored(self, key: IdempotencyKey = KEY) -> list[int]:
        return [frame.first for frame in await self.store.find(key)]


@pytest.fixture
async def house():
    house = House()
    yield house
    await house.inner.close()


async def test_a_key_is_known_from_its_append_on_and_kept_before_the_watermark_passes_it(house):
    assert await house.found() == []
    sequence = await house.append()
    assert (await house.found(), await house.stored()) == ([sequence], [])
    await house.commit(sequence)
    assert (await house.found(), await house.stored()) == ([sequence], [sequence])


async def test_a_frame_says_of_its_request_what_the_store_will_say(house):
    sequence = await house.append(number=2)
    async with house.idempotency.attempt(KEY) as attempt:
        (pending,) = attempt.frames
    await house.commit(sequence)
    (kept,) = await house.store.find(KEY)
    assert kept == pending
    assert (kept.part, kept.epoch, kept.lane) == (KeyedPart(key=KEY, number=2, digest=DIGEST), 3, LANE)
    assert str(kept.receipt) == f"0.{LANE}.3.{sequence}-{sequence}"


async def test_frames_without_a_key_are_nobodys(house):
    await house.commit(await house.append(key=None))
    assert house.store._frames == {}


async def test_a_commit_keeps_what_it_passes_and_nothing_else(house):
    others = [IdempotencyKey("", "POST /x", f"k{n}") for n in range(4)]
    first, second, third, fourth = [await house.append(key=key) for key in others]
    await house.commit(second)
    assert [await house.stored(key) for key in others] == [[first], [second], [], []]
    assert [await house.found(key) for key in others] == [[first], [second], [third], [fourth]]
    await house.commit(fourth)
    assert [await house.stored(key) for key in others] == [[first], [second], [third], [fourth]]


async def test_the_watermark_waits_for_the_store(house):
    sequence = await house.append()
    house.store.is_broken = True
    with pytest.raises(BackendUnavailable):
        await house.commit(sequence)
    assert (await house.inner.depth(LANE)).committed < sequence
    assert await house.found() == [sequence]
    house.store.is_broken = False
    await house.commit(sequence)
    assert ((await house.inner.depth(LANE)).committed, await house.found()) == (sequence, [sequence])


async def test_what_is_kept_and_still_in_the_log_is_told_once(house):
    sequence = await house.append()
    house.inner.is_broken = True
    with pytest.raises(BackendUnavailable):
        await house.commit(sequence)
    assert (await house.stored(), await house.found()) == ([sequence], [sequence])


async def test_a_start_learns_the_keys_from_the_log(house):
    first, second = await house.append(), await house.append(number=1)
    await house.commit(first)
    house.restart()
    await house.read()
    await house.read()
    assert await house.found() == [first, second]
    await house.commit(second)
    assert await house.stored() == [first, second]


async def test_a_frame_whose_append_was_cancelled_is_found_when_it_is_read(house):
    sequence = await house.append()
    house.restart()
    assert await house.found() == []
    await house.read()
    assert await house.found() == [sequence]


async def test_partitions_do_not_mix(house):
    keys = [IdempotencyKey("", "POST /x", f"k{n}") for n in range(2)]
    places = [numbered(partition, 100) for partition in (0, 1)]
    for key, place in zip(keys, places, strict=True):
        draft = FrameDraft(
            accepted_at=house.clock.now(),
            first_revision=1,
            count=1,
            payload=b"[{}]",
            headers=headers_of(Origin(part=KeyedPart(key=key, number=0, digest=DIGEST)), 3),
        )
        house.keys.note(LANE, draft.at(place))
    await house.keys.keep(LANE, places[1])
    house.keys.forget(LANE, places[1])
    assert [await house.stored(key) for key in keys] == [[], [places[1]]]
    assert await house.found(keys[0]) == [places[0]]


async def test_one_request_at_a_time_has_a_key(house):
    async with house.idempotency.attempt(KEY):
        with pytest.raises(IdempotencyKeyInProgress) as refusal:
            await house.found()
        assert refusal.value.retry_after
        other = msgspec.structs.replace(KEY, caller="bob")
        assert await house.found(other) == []
    assert await house.found() == []


@pytest.mark.parametrize("end", [ValueError, asyncio.CancelledError])
async def test_a_request_that_fails_gives_its_key_back(house, end):
    with pytest.raises(end):
        async with house.idempotency.attempt(KEY):
            raise end
    assert await house.found() == []


async def test_a_store_that_cannot_be_read_gives_the_key_back(house):
    async def gone(key):
        raise BackendUnavailable("The disk is gone.")

    house.store.find, find = gone, house.store.find
    with pytest.raises(BackendUnavailable):
        await house.found()
    house.store.find = find
    assert await house.found() == []


async def test_a_day_later_a_key_is_free_pending_or_kept(house):
    await house.commit(await house.append())
    await house.append(number=1)
    house.clock.moment += timedelta(hours=23, minutes=59)
    assert len(await house.found()) == 2
    house.clock.moment += timedelta(minutes=2)
    assert await house.found() == []


async def test_old_keys_are_purged_now_and_then(house, monkeypatch):
    monkeypatch.setattr(keyed_log, "_PURGE_ROWS", 2)
    for number in range(5):
        await house.commit(await house.append(number=number))
    assert house.store.purges == [0]
    house.clock.moment += timedelta(hours=25)
    for number in range(5, 10):
        await house.commit(await house.append(number=number))
    assert house.store.purges == [0, 2, 2, 1]
    assert len(await house.stored()) == 5


async def test_a_frame_says_which_records_of_its_request_it_writes(house):
    await house.append(keys=("t1", "t2"))
    async with house.idempotency.attempt(KEY) as attempt:
        assert [frame.part.keys for frame in attempt.frames] == [("t1", "t2")]


def taken(number: int, digest: bytes = DIGEST) -> KeyedFrame:
    part = KeyedPart(key=KEY, number=number, digest=digest)
    return KeyedFrame(part=part, lane=LANE, epoch=1, first=number, last=number, first_revision=1, accepted_at=START)


def test_a_request_without_a_key_is_never_a_repetition():
    attempt = Attempt()
    origin = Origin(principal="ann")
    assert (attempt.has_key, attempt.frames, attempt.taken(0), attempt.is_repeated) == (False, (), None, False)
    assert attempt.named(origin) is origin


def test_a_part_with_other_content_is_refused():
    attempt = Attempt(KEY, [taken(0)])
    assert attempt.taken(0, DIGEST) == taken(0)
    with pytest.raises(IdempotencyKeyReused, match="'k'"):
        attempt.taken(0, b"other")


def test_a_request_is_refused_for_any_part_that_was_another():
    attempt = Attempt(KEY, [taken(0), taken(1, b"other")])
    with pytest.raises(IdempotencyKeyReused):
        attempt.about(DIGEST)


def test_what_a_request_writes_is_named_by_its_keys():
    assert Attempt(KEY).named(Origin(), keys=["a", "b"]).part.keys == ("a", "b")


def test_what_a_request_does_anew_is_the_part_behind_those_that_were_done():
    attempt = Attempt(KEY, [taken(4), taken(1)])
    attempt.about(DIGEST)
    assert (attempt.frames, attempt.is_repeated) == ((taken(1), taken(4)), True)
    assert [attempt.named(Origin()).part for _ in range(2)] == [
        KeyedPart(key=KEY, number=number, digest=DIGEST) for number in (5, 6)
    ]
    assert not attempt.is_repeated


@pytest.mark.parametrize(
    ("ended", "at_once"),
    [
        (None, True),
        (BackendUnavailable("away"), True),
        (JournalRefused("read-only"), True),
        (JournalUnreachable("no answer"), False),
        (asyncio.CancelledError(), False),
    ],
)
async def test_a_key_is_given_back_at_once_unless_a_frame_may_still_be_on_its_way(ended, at_once):
    class Noting(LogKeys):
        async def release(self, key, *, at_once):
            told.append(at_once)
            await super().release(key, at_once=at_once)

    told, clock = [], SteppingClock()
    with suppress(PersistenceError, asyncio.CancelledError):
        async with Idempotency(Noting(FaultyKeys(), clock), clock).attempt(KEY):
            if ended is not None:
                raise ended
    assert told == [at_once]

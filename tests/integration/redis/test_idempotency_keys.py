"""Idempotency keys that instances share, on a real Redis: which of them does a request, and who may not any more."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from adapters.redis.idempotency_keys import RedisIdempotencyKeys
from adapters.redis.keys import PartitionKeys, claim_on, digest_of
from adapters.redis.server import RedisServer
from adapters.redis.write_buffer import RedisWriteBuffer
from adapters.system.clock import SystemClock
from domain.errors import IdempotencyKeyInProgress, JournalUnreachable
from domain.model.frames import FrameDraft, FrameHeaders, partition_of
from domain.model.idempotency import IdempotencyKey
from domain.model.secret import Secret

LANE = "translation_tasks"
KEY = IdempotencyKey("ann", "POST /tasks/batch", "k")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Instance:
    """One of the instances over a shared log."""

    def __init__(self, database, partition=0, seconds=10.0):
        self.server = RedisServer(Secret(database.dsn), call_seconds=1.0)
        self.keys = RedisIdempotencyKeys(self.server, [LANE], 2, seconds=seconds)
        self.log = RedisWriteBuffer(
            self.server,
            [LANE],
            lambda _: None,
            SystemClock(),
            partition=partition,
            partitions=2,
            claims=self.keys.ends,
        )

    async def __aenter__(self):
        await self.log.open()
        return self

    async def __aexit__(self, *_):
        await self.log.close()

    async def append(self, number=0):
        headers = FrameHeaders(principal=KEY.caller, idempotency_key=KEY.scoped, part=number)
        draft = FrameDraft(accepted_at=NOON, first_revision=1, count=2, payload=b"[{},{}]", headers=headers)
        return await self.log.append(LANE, draft)

    async def found(self):
        return [(frame.part.number, frame.first, frame.last) for frame in await self.keys.find(KEY)]

    async def appended(self):
        return (await self.log.depth(LANE)).head


@pytest.fixture
def database(redis):
    with redis.database() as database:
        yield database


async def test_every_instance_knows_what_another_did_in_any_partition(database):
    async with Instance(database) as one, Instance(database, partition=1) as other:
        await one.keys.hold(KEY)
        first = await one.append()
        assert not await other.keys.hold(KEY)
        await one.keys.release(KEY, at_once=True)
        assert await other.keys.hold(KEY)
        second = await other.append(number=1)
        expected = [(0, first.first, first.last), (1, second.first, second.last)]
        assert await one.found() == await other.found() == expected
        assert [partition_of(place.last) for place in (first, second)] == [0, 1]
        await other.keys.release(KEY, at_once=True)


async def test_without_the_key_no_frame_under_it_is_kept(database):
    async with Instance(database) as one, Instance(database) as other:
        await other.keys.hold(KEY)
        with pytest.raises(IdempotencyKeyInProgress):
            await one.append()
        assert (await one.appended(), await one.found()) == (0, [])
        await other.keys.release(KEY, at_once=True)
        with pytest.raises(IdempotencyKeyInProgress):
            await other.append()
        assert await other.appended() == 0


async def test_a_key_is_held_for_as_long_as_a_request_lasts(database):
    async with Instance(database, seconds=0.4) as one, Instance(database) as other:
        await one.keys.hold(KEY)
        await asyncio.sleep(1.2)
        assert not await other.keys.hold(KEY)
        await one.append()
        await one.keys.release(KEY, at_once=True)
        assert await other.keys.hold(KEY)
        await other.keys.release(KEY, at_once=True)


async def test_an_instance_that_stood_still_does_nothing_that_another_may_have_done(database):
    async with Instance(database, seconds=0.4) as one, Instance(database, partition=1) as other:
        await one.keys.hold(KEY)
        time.sleep(0.6)  # noqa: ASYNC251  (the whole process)
        with pytest.raises(IdempotencyKeyInProgress):
            await one.append()
        assert await other.keys.hold(KEY)
        assert await other.found() == []
        await asyncio.sleep(0.2)  # one tries to renew what is another's by now
        with pytest.raises(IdempotencyKeyInProgress):
            await one.append()
        done = await other.append()
        await one.keys.release(KEY, at_once=True)
        assert not await one.keys.hold(KEY)
        assert await one.found() == [(0, done.first, done.last)]
        await other.keys.release(KEY, at_once=True)


async def test_while_a_frame_may_be_on_its_way_nobody_else_has_the_key(database):
    async with Instance(database, seconds=0.5) as one, Instance(database) as other:
        await one.keys.hold(KEY)
        await one.keys.release(KEY, at_once=False)
        assert not await other.keys.hold(KEY)
        with pytest.raises(IdempotencyKeyInProgress):
            await one.append()
        await asyncio.sleep(0.7)
        assert await other.keys.hold(KEY)
        await other.keys.release(KEY, at_once=True)


async def test_what_is_known_of_a_request_goes_after_a_day(database):
    async with Instance(database) as one:
        await one.keys.hold(KEY)
        await one.append()
        names = PartitionKeys(LANE, 0).request(digest_of(KEY)), claim_on(digest_of(KEY))
        kept, held = [await one.server.ask("TTL", name) for name in names]
        assert 86_390 < kept <= 86_400
        assert 5 < held <= 10
        await one.keys.release(KEY, at_once=True)
        assert await one.server.ask("EXISTS", names[1]) == 0


async def test_a_server_that_is_gone_is_said_and_leaves_nothing_held(redis):
    with redis.database() as database:
        async with Instance(database, seconds=1.0) as one:
            await one.keys.hold(KEY)
            redis.pause()
            try:
                with pytest.raises(JournalUnreachable):
                    await one.keys.find(KEY)
                await one.keys.release(KEY, at_once=True)
            finally:
                redis.unpause()
            await asyncio.sleep(1.2)
            assert await one.keys.hold(KEY)
            await one.keys.release(KEY, at_once=True)

"""The buffer that instances share, on a real Redis: what it demands, survives and refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from redis.crc import key_slot

from adapters.redis import reading
from adapters.redis.keys import DEAD_LETTERS, EXCEPTIONS, PartitionKeys
from adapters.redis.leases import PartitionLeases
from adapters.redis.revision_ceiling import RedisRevisionCeiling
from adapters.redis.server import RedisServer
from adapters.redis.write_buffer import RedisWriteBuffer
from adapters.system.clock import SystemClock
from domain.errors import DeadLettersFull, JournalFull, JournalRefused, JournalUnreachable, LeaseLost, StartFailure
from domain.model.frames import FrameDraft, numbered, partition_of
from domain.model.lanes import LaneState
from domain.model.observations import BufferLost, FrameQuarantined
from domain.model.policies import BufferPolicy
from domain.model.secret import Secret
from domain.model.translation import TASKS
from domain.services.followed_lane import FollowedLane
from domain.services.progress import Progress
from domain.services.revisions import RevisionIssuer
from tests.servers import Redis

LANE = "translation_tasks"
WELL = LaneState(batch_records=1000, attempt=0, paused=False, last_error=None)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Buffer(RedisWriteBuffer):
    """One end of a shared buffer, with what it has observed and the leases it may hold."""

    def __init__(self, database, *, partition=0, partitions=2, lease_seconds=30.0, call_seconds=2.0):
        self.seen = []
        self.server = RedisServer(Secret(database.dsn), call_seconds=call_seconds)
        self.leases = PartitionLeases(self.server, seconds=lease_seconds)
        super().__init__(
            self.server,
            [LANE],
            self.seen.append,
            SystemClock(),
            partition=partition,
            partitions=partitions,
            tokens=self.leases.tokens,
        )

    async def __aenter__(self):
        await self.open()
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def frames(self, partition=0):
        committed = (await self.depth(LANE, partition=partition)).committed
        return await self.read(LANE, partition, committed, max_bytes=1 << 20, wait_seconds=0)


def draft(count=1, payload=b"[{}]"):
    return FrameDraft(accepted_at=NOON, first_revision=7, count=count, payload=payload)


@pytest.fixture
def database(redis):
    with redis.database() as database:
        yield database


@pytest.fixture
def weak():
    """A Redis of the test's own, with options that it gives."""
    running = []

    def start(*options):
        running.append(Redis(*options).__enter__())
        return running[0]

    yield start
    for server in running:
        server.__exit__()


async def test_every_key_of_a_partition_lies_in_one_slot_of_a_cluster():
    keys = PartitionKeys(LANE, 3)
    together = {keys.state, keys.frames, keys.lease, keys.quarantine, keys.request("d1"), keys.request("d2")}
    assert len({key_slot(key.encode()) for key in together}) == 1
    assert len({key_slot(key.encode()) for key in DEAD_LETTERS}) == len({key_slot(k.encode()) for k in EXCEPTIONS}) == 1
    assert key_slot(keys.state.encode()) != key_slot(PartitionKeys(LANE, 4).state.encode())


async def test_two_ends_share_one_numbering(database):
    async with Buffer(database) as one, Buffer(database) as other:
        first, second = await one.append(LANE, draft(3)), await other.append(LANE, draft(2))
        assert second.first == first.last + 1
        assert [frame.count for frame in await other.frames()] == [3, 2]


async def test_a_sequence_tells_its_partition(database):
    async with Buffer(database, partition=1) as buffer:
        position = await buffer.append(LANE, draft(2))
        assert (position.partition, partition_of(position.first), partition_of(position.last)) == (1, 1, 1)
        assert [frame.sequence for frame in await buffer.frames(1)] == [position.first]
        assert await buffer.frames(0) == []
        assert ((await buffer.depth(LANE)).records, (await buffer.depth(LANE)).head) == (2, 2)


async def test_intakes_take_the_partitions_in_turn(database):
    taken = []
    for _ in range(4):
        async with Buffer(database, partition=None) as buffer:
            taken.append(buffer.partition)
    assert sorted(taken) == [0, 0, 1, 1]


async def test_a_lease_has_one_holder_and_goes_to_another_when_it_ends(database):
    async with Buffer(database, lease_seconds=0.3) as one, Buffer(database) as other:
        assert await one.leases.take(LANE, 0)
        assert not await other.leases.take(LANE, 0)
        assert await one.leases.renew(LANE, 0, WELL) == numbered(0, 0)
        await asyncio.sleep(0.5)
        assert await other.leases.take(LANE, 0)
        assert await one.leases.renew(LANE, 0, WELL) is None


async def test_a_former_owner_moves_no_watermark_and_frees_nothing(database):
    async with Buffer(database, lease_seconds=0.3) as one, Buffer(database) as other:
        last = (await one.append(LANE, draft(5))).last
        await one.leases.take(LANE, 0)
        await asyncio.sleep(0.5)
        with pytest.raises(LeaseLost):  # though nobody has taken it yet
            await one.commit(LANE, 0, "primary", last)
        await other.leases.take(LANE, 0)
        with pytest.raises(LeaseLost):
            await one.commit(LANE, 0, "primary", last)
        assert [frame.last for frame in await other.frames()] == [last]
        await other.commit(LANE, 0, "primary", last)
        assert (await other.depth(LANE)).records == 0


async def test_the_watermark_frees_exactly_what_it_has_passed(database):
    async with Buffer(database) as buffer:
        lasts = [(await buffer.append(LANE, draft(2))).last for _ in range(5)]
        await buffer.commit(LANE, 0, "primary", lasts[2] - 1)  # in the middle of the third frame
        kept = await buffer.server.ask("XRANGE", PartitionKeys(LANE, 0).frames, "-", "+")
        assert [int(entry.split(b"-")[0]) for entry, _ in kept] == lasts[2:]


async def test_who_waits_is_made_known_to_who_drains(database):
    async with Buffer(database) as intake, Buffer(database) as worker:
        last = (await intake.append(LANE, draft(4))).last
        assert not (await intake.watch(LANE, 0, last)).drained
        await worker.leases.take(LANE, 0)
        assert await worker.leases.renew(LANE, 0, WELL) == last
        assert (await intake.watch(LANE, 0, -1)).drained


async def test_how_a_worker_fares_is_known_to_every_instance_and_that_there_is_none(database):
    async with Buffer(database) as intake, Buffer(database) as worker:
        lane, looked = FollowedLane(TASKS, 0, BufferPolicy(), intake), asyncio.Event()

        async def until(state):
            async with asyncio.timeout(20):
                while lane.state != state:
                    looked.clear()
                    await looked.wait()

        following = asyncio.create_task(lane.drain(Progress(), lambda *_: looked.set()))
        assert await worker.leases.take(LANE, 0)
        paused = LaneState(batch_records=900, attempt=3, paused=True, lost=True, last_error="The table is gone.")
        await worker.leases.renew(LANE, 0, paused)
        await until(paused)
        await worker.leases.renew(LANE, 0, WELL)
        await until(WELL)
        await worker.leases.release(LANE, 0)
        await intake.append(LANE, draft())
        alone = "No worker drains partition 0; start `persistence worker`."
        await until(msgspec.structs.replace(WELL, lost=True, last_error=alone))
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_an_entry_that_is_no_frame_is_set_aside_and_the_log_goes_on(database):
    async with Buffer(database) as buffer:
        first = await buffer.append(LANE, draft())
        keys = PartitionKeys(LANE, 0)
        number = first.last + 1
        await buffer.server.ask("XADD", keys.frames, f"{number}-0", "head", b"\xc1", "payload", b"x", "total", "9")
        await buffer.server.ask("HSET", keys.state, "head", number)
        behind = await buffer.append(LANE, draft())
        for _ in range(2):
            assert [frame.sequence for frame in await buffer.frames()] == [first.first, behind.first]
        assert behind.first == number + 1
        assert len([seen for seen in buffer.seen if isinstance(seen, FrameQuarantined)]) == 1
        assert (await buffer.depth(LANE)).quarantined == 1


async def test_a_full_quarantine_holds_the_log_up_and_loses_nothing(database, monkeypatch):
    monkeypatch.setattr(reading, "QUARANTINE_BYTES", 100)
    async with Buffer(database) as buffer:
        first = await buffer.append(LANE, draft())
        keys = PartitionKeys(LANE, 0)
        for number in (first.last + 1, first.last + 2):
            damaged = ("head", b"\xc1", "payload", b"x" * 60, "total", "9")
            await buffer.server.ask("XADD", keys.frames, f"{number}-0", *damaged)
        await buffer.server.ask("HSET", keys.state, "head", number)
        behind = await buffer.append(LANE, draft())
        assert [frame.sequence for frame in await buffer.frames()] == [first.first]
        await buffer.commit(LANE, 0, "primary", first.last)
        for _ in range(2):
            with pytest.raises(DeadLettersFull, match=f"Entry {number} of .* then remove that key"):
                await buffer.frames()
        assert (await buffer.depth(LANE)).quarantined == 1

        await buffer.server.ask("DEL", keys.quarantine)
        assert [frame.sequence for frame in await buffer.frames()] == [behind.first]
        assert (await buffer.depth(LANE)).quarantined == 2


async def test_a_log_that_redis_lost_begins_again_with_numbers_that_were_never_given(database):
    async with Buffer(database) as one, Buffer(database) as other:
        before = [await one.append(LANE, draft(3)) for _ in range(2)]
        epoch = await one.open_epoch(LANE, before[0].first)
        await one.commit(LANE, 0, "primary", before[0].last)
        await one.depth(LANE)
        await one.server.ask("FLUSHDB")
        after = await one.append(LANE, draft())
        also = await other.append(LANE, draft())
        assert after.first > before[1].last
        assert also.first == after.last + 1
        lost = [seen.records for seen in one.seen if isinstance(seen, BufferLost)]
        assert lost == [3]
        former, following = await one.epochs(LANE, epoch.number)
        assert former == epoch
        assert following is not None
        assert following.first_sequence == before[0].last + 1  # behind it, receipts answer "lost"
        assert await one.epochs(LANE, following.number + 1) == (None, None)


async def test_a_state_that_was_lost_alone_keeps_what_waits(database):
    async with Buffer(database) as buffer:
        given = [await buffer.append(LANE, draft(3)) for _ in range(3)]
        await buffer.server.ask("DEL", PartitionKeys(LANE, 0).state)
        assert [frame.sequence for frame in await buffer.frames()] == [position.first for position in given]
        assert (await buffer.append(LANE, draft())).first > given[-1].last


async def test_without_memory_an_append_is_refused_and_what_frees_memory_goes_on(weak):
    server = weak()
    with server.database() as database:
        async with Buffer(database) as buffer:
            kept = await buffer.append(LANE, draft(payload=b"x" * 100_000))
            await buffer.server.ask("CONFIG", "SET", "maxmemory", "1")
            for _ in range(3):
                with pytest.raises(JournalFull):
                    await buffer.append(LANE, draft())
            assert await buffer.leases.take(LANE, 0)
            assert await buffer.leases.renew(LANE, 0, WELL) is not None
            assert [frame.sequence for frame in await buffer.frames()] == [kept.first]
            await buffer.commit(LANE, 0, "primary", kept.last)
            assert (await buffer.depth(LANE)).records == 0
            await buffer.server.ask("CONFIG", "SET", "maxmemory", "0")
            assert (await buffer.append(LANE, draft())).first == kept.last + 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")],
)
async def test_a_redis_that_promises_too_little_is_refused_with_the_setting(weak, setting, value):
    server = weak(f"--{setting}", value)
    buffer = Buffer(server.root)
    with pytest.raises(StartFailure, match=f"{setting} {value}.*Set `{setting} "):
        await buffer.open()
    await buffer.close()


async def test_a_redis_that_promises_less_after_a_kill_is_not_written_to(weak):
    server = weak()
    async with Buffer(server.root) as buffer:
        await buffer.append(LANE, draft())
        server.kill()
        with pytest.raises(JournalUnreachable):
            await buffer.append(LANE, draft())
        server.start()
        position = await buffer.append(LANE, draft())
        assert len(await buffer.frames()) == 2
        assert (await buffer.frames())[-1].last == position.last


@pytest.mark.parametrize(
    ("fault", "cure", "word"),
    [
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "read only replica"),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0"), "replicas"),
        (("ACL", "SETUSER", "default", "-eval"), ("ACL", "SETUSER", "default", "+eval"), "permissions"),
    ],
)
async def test_a_redis_that_says_that_it_takes_nothing_has_taken_nothing(weak, fault, cure, word):
    server = weak()
    async with Buffer(server.root) as buffer:
        kept = await buffer.append(LANE, draft())
        server.execute(" ".join(fault))
        with pytest.raises(JournalRefused, match=word):
            await buffer.append(LANE, draft())
        server.execute(" ".join(cure))
        assert (await buffer.append(LANE, draft())).first == kept.last + 1
        assert len(await buffer.frames()) == 2


async def test_nothing_is_sent_to_a_redis_that_is_down_or_came_back_with_weaker_settings(weak):
    server = weak()
    async with Buffer(server.root) as buffer:
        server.kill()
        with pytest.raises(JournalUnreachable) as unknown:
            await buffer.append(LANE, draft())
        assert type(unknown.value) is JournalUnreachable  # it was on its way
        with pytest.raises(JournalRefused):
            await buffer.append(LANE, draft())
        server.start()
        server.execute("CONFIG SET appendfsync everysec")
        for _ in range(2):
            with pytest.raises(JournalRefused, match="appendfsync everysec"):
                await buffer.append(LANE, draft())
        server.execute("CONFIG SET appendfsync always")
        await buffer.append(LANE, draft())
        assert len(await buffer.frames()) == 1


async def test_who_waits_at_an_empty_log_meets_no_deadline(database):
    async with Buffer(database, call_seconds=0.5) as buffer:
        after = (await buffer.depth(LANE, partition=0)).committed
        assert await buffer.read(LANE, 0, after, max_bytes=1, wait_seconds=1.2) == []


async def test_a_redis_that_hangs_costs_no_more_than_the_deadline(weak):
    server = weak()
    async with Buffer(server.root, call_seconds=0.5) as buffer:
        server.pause()
        with pytest.raises(JournalUnreachable, match=r"within 0\.5 s|Timeout"):
            await asyncio.wait_for(buffer.append(LANE, draft()), 20)
        server.unpause()
        await buffer.append(LANE, draft())


@pytest.mark.parametrize("turns", range(12))
async def test_who_waits_can_be_cancelled_at_any_turn_of_the_loop(database, turns):
    async with Buffer(database) as buffer:
        after = (await buffer.depth(LANE, partition=0)).committed
        for call in (
            buffer.server.ask("BLPOP", "nothing", 1),
            buffer.read(LANE, 0, after, max_bytes=1, wait_seconds=0.5),
        ):
            task = asyncio.create_task(call)
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()


async def test_a_redis_that_is_back_is_reached_by_the_first_calls(weak):
    server = weak()
    with server.database() as database:
        async with Buffer(database) as buffer:
            waiting = [asyncio.create_task(buffer.server.ask("BLPOP", "nothing", 1)) for _ in range(4)]
            await asyncio.wait(waiting)  # as many connections lie idle behind it
            server.kill()
            with pytest.raises(JournalUnreachable):
                await buffer.depth(LANE, partition=0)
            server.start()
            for depth in await asyncio.gather(*[buffer.depth(LANE, partition=0) for _ in waiting]):
                assert depth.records == 0


async def test_a_wrong_password_and_nobody_there_are_one_sentence(database):
    wrong = RedisServer(Secret(database.dsn.replace(database.dsn.split(":")[2].split("@")[0], "wrong")))
    with pytest.raises(StartFailure, match=r"journal\.url: Redis (refuses the password|cannot be used)"):
        await wrong.open()
    nobody = RedisServer(Secret("redis://127.0.0.1:1/0"))
    with pytest.raises(StartFailure, match=r"journal\.url: Redis cannot be used"):
        await nobody.open()


async def test_instances_have_numbers_of_their_own_and_one_that_was_drawn_again_is_given_up(database):
    clock, server = SystemClock(), RedisServer(Secret(database.dsn))
    ceilings = [RedisRevisionCeiling(server, clock) for _ in range(3)]
    assert [(await ceiling.load()).instance for ceiling in ceilings] == [1, 2, 3]
    issuer = RevisionIssuer(ceilings[0], clock)
    await issuer.start()
    before = await issuer.issue(1)
    await server.ask("HSET", "persistence:{instances}", "owner:1", "another")
    issuer._ceiling_tick = 0  # the reservation is used up
    after = await issuer.issue(1)
    assert (issuer.instance, after > before) == (4, True)
    await server.close()

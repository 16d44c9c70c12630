"""The contract of ``WriteBuffer``, over every adapter that stands alone, and through the pipe of a worker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from adapters.journal.write_buffer import LocalJournal
from adapters.memory.write_buffer import MemoryWriteBuffer
from adapters.pipe.channel import Channel
from adapters.pipe.log_server import LogServer
from adapters.pipe.messages import FROM_WORKER, TO_WORKER
from adapters.pipe.pending_log import PipedLog
from adapters.redis.server import RedisServer
from adapters.redis.write_buffer import RedisWriteBuffer
from adapters.system.clock import SystemClock
from domain.errors import Unavailable
from domain.model.frames import Frame, FrameDraft, FrameHeaders, FrameKind, Position
from domain.model.revisions import REVISION_EPOCH
from domain.model.secret import Secret
from ports.resource import Resource
from ports.write_buffer import WriteBuffer
from tests.servers import Database

LANES = ("translation_sessions", "translation_tasks")
TASKS = "translation_tasks"
READERS = ("primary", "search")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Buffer(WriteBuffer, Resource, Protocol):
    """What the suite tests: a buffer with a lifecycle."""


def memory(folder: Path) -> Buffer:
    return MemoryWriteBuffer(LANES, readers=READERS)


def journal(folder: Path) -> Buffer:
    return LocalJournal(folder, LANES, lambda observation: None, SystemClock(), readers=READERS, segment_bytes=16_384)


class Piped(PipedLog):
    """A log whose reading end is at the far end of a pipe, as a worker has it."""

    def __init__(self, inner: Buffer) -> None:
        near, far = socket.socketpair()
        self._ends = (Channel(near, FROM_WORKER), Channel(far, TO_WORKER))
        self._inner = inner
        self._server = LogServer(inner, self._ends[0], lambda lane, through: None)
        self.append = inner.append
        super().__init__(self._ends[1])

    async def open(self) -> None:
        await self._inner.open()
        self._talking = getattr(self, "_talking", None) or asyncio.gather(self._serve(), self._hear())

    async def close(self) -> None:
        if not self._talking.done():
            await self.depth(TASKS)  # whoever asked before has been heard by then
        await self._inner.close()
        await asyncio.gather(*self._asked.values())  # a reader that was let go still gets its answer
        self._talking.cancel()
        await asyncio.gather(self._talking, return_exceptions=True)
        await self._server.close()
        for end in self._ends:
            await end.close()

    async def _serve(self) -> None:
        while True:
            self._server.serve((await self._ends[0].receive())[0])

    async def _hear(self) -> None:
        while True:
            self.answered(*await self._ends[1].receive())


def piped_memory(folder: Path) -> Buffer:
    return Piped(memory(folder))


def piped_journal(folder: Path) -> Buffer:
    return Piped(journal(folder))


class Dawn(SystemClock):
    """A clock that stands where the numbers of a shared log begin with 1."""

    def now(self) -> datetime:
        return REVISION_EPOCH


def redis_streams(database: Database) -> Buffer:
    server = RedisServer(Secret(database.dsn))
    return RedisWriteBuffer(server, LANES, lambda observation: None, Dawn(), readers=READERS)


@pytest.fixture(params=[memory, journal, piped_memory, piped_journal, redis_streams], ids=lambda make: make.__name__)
async def buffer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Buffer]:
    with ExitStack() as stack:
        if request.param is redis_streams:
            buffer = redis_streams(stack.enter_context(request.getfixturevalue("redis").database()))
        else:
            make: Callable[[Path], Buffer] = request.param
            buffer = make(tmp_path / "journal")
        await buffer.open()
        yield buffer
        await buffer.close()


def draft(number: int, *, size: int = 20, count: int = 1, headers: FrameHeaders | None = None) -> FrameDraft:
    return FrameDraft(
        accepted_at=NOON + timedelta(seconds=number),
        first_revision=1 << 62 | number,
        count=count,
        payload=b'["%08d%s"]' % (number, b"x" * size),
        headers=headers or FrameHeaders(),
    )


async def everything(buffer: WriteBuffer, after: int = 0, lane: str = TASKS) -> list[Frame]:
    frames: list[Frame] = []
    while portion := await buffer.read(lane, 0, after, max_bytes=5000, wait_seconds=0):
        frames += portion
        after = portion[-1].last
    return frames


async def test_a_frame_comes_back_as_it_was_given(buffer: Buffer) -> None:
    headers = FrameHeaders(
        base_revisions=(1, (1 << 63) - 1, 0),
        fence=7,
        idempotency_key="clé-鍵",
        body_digest=bytes(range(32)),
        principal="anna",
        trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        part=3,
        epoch=(1 << 63) - 1,
        verdicts=True,
        validator=3,
        unknown=((4711, b"\x00\xff"), (4711, b""), (65_535, b"later")),
    )
    given = FrameDraft(
        accepted_at=datetime(2026, 7, 1, 0, 0, 0, 123_457, tzinfo=UTC),
        first_revision=(1 << 63) - 1,
        count=3,
        payload=b'[{"task_id": "a"}, {"task_id": "b"}, {"task_id": "\xf0\x9f\x8e\x88"}]',
        kind=FrameKind.DELETE,
        headers=headers,
    )
    await buffer.append(TASKS, given)
    (frame,) = await everything(buffer)
    assert {name: getattr(frame, name) for name in FrameDraft.__struct_fields__} == {
        name: getattr(given, name) for name in FrameDraft.__struct_fields__
    }
    assert (frame.sequence, frame.last) == (1, 3)


async def test_sequences_count_records_from_one_without_a_gap(buffer: Buffer) -> None:
    positions = [await buffer.append(TASKS, draft(number, count=count)) for number, count in enumerate((3, 1, 10))]
    assert positions == [Position(0, 1, 3), Position(0, 4, 4), Position(0, 5, 14)]


async def test_lanes_do_not_share_sequences_or_frames(buffer: Buffer) -> None:
    await buffer.append(TASKS, draft(1, count=5))
    position = await buffer.append("translation_sessions", draft(2))
    assert position == Position(0, 1, 1)
    assert [frame.first_revision & 0xFF for frame in await everything(buffer, lane="translation_sessions")] == [2]


async def test_concurrent_appends_get_sequences_in_call_order(buffer: Buffer) -> None:
    positions = await asyncio.gather(*(buffer.append(TASKS, draft(number, size=400)) for number in range(200)))
    assert [position.first for position in positions] == list(range(1, 201))
    assert [frame.first_revision & 0xFF for frame in await everything(buffer)] == list(range(200))


async def test_reading_an_empty_lane_answers_nothing(buffer: Buffer) -> None:
    assert list(await buffer.read(TASKS, 0, 0, max_bytes=1000, wait_seconds=0)) == []
    depth = await buffer.depth(TASKS)
    assert (depth.head, depth.committed, depth.records, depth.payload_bytes) == (0, 0, 0, 0)
    assert depth.oldest_accepted_at is None


async def test_reading_repeats_until_it_is_asked_for_what_comes_behind(buffer: Buffer) -> None:
    for number in range(3):
        await buffer.append(TASKS, draft(number, count=2))
    assert [frame.sequence for frame in await everything(buffer)] == [1, 3, 5]
    assert [frame.sequence for frame in await everything(buffer)] == [1, 3, 5]
    assert [frame.sequence for frame in await everything(buffer, after=2)] == [3, 5]


async def test_reading_behind_the_middle_of_a_frame_gives_that_frame(buffer: Buffer) -> None:
    await buffer.append(TASKS, draft(1, count=10))
    await buffer.append(TASKS, draft(2, count=10))
    assert [frame.sequence for frame in await everything(buffer, after=4)] == [1, 11]


async def test_a_portion_stops_before_its_bytes_are_passed_and_has_one_frame_at_least(buffer: Buffer) -> None:
    for number in range(5):
        await buffer.append(TASKS, draft(number, size=987))  # 999 bytes of payload
    two = await buffer.read(TASKS, 0, 0, max_bytes=2500, wait_seconds=0)
    one = await buffer.read(TASKS, 0, 0, max_bytes=1, wait_seconds=0)
    exactly = await buffer.read(TASKS, 0, 0, max_bytes=2 * len(two[0].payload), wait_seconds=0)
    assert (len(two), len(one), len(exactly)) == (2, 1, 2)


async def test_a_waiting_reader_gets_the_next_frame(buffer: Buffer) -> None:
    await buffer.append(TASKS, draft(1))
    reading = asyncio.create_task(buffer.read(TASKS, 0, 1, max_bytes=1000, wait_seconds=60))
    await asyncio.sleep(0)
    await buffer.append("translation_sessions", draft(2))
    await buffer.append(TASKS, draft(3))
    (frame,) = await reading
    assert frame.sequence == 2


async def test_a_reader_that_waits_in_vain_gets_nothing(buffer: Buffer) -> None:
    assert list(await buffer.read(TASKS, 0, 0, max_bytes=1000, wait_seconds=0.01)) == []


async def test_closing_lets_a_waiting_reader_go(buffer: Buffer) -> None:
    reading = asyncio.create_task(buffer.read(TASKS, 0, 0, max_bytes=1000, wait_seconds=60))
    await asyncio.sleep(0)
    await buffer.close()
    assert list(await reading) == []


async def test_opening_and_closing_twice_is_once(buffer: Buffer) -> None:
    await buffer.append(TASKS, draft(1))
    await buffer.open()
    assert len(await everything(buffer)) == 1
    await buffer.close()
    await buffer.close()


async def test_depth_follows_appends_and_commits(buffer: Buffer) -> None:
    for number in range(1, 4):
        await buffer.append(TASKS, draft(number, count=10))
    size = len(draft(1).payload)
    before = await buffer.depth(TASKS)
    await buffer.commit(TASKS, 0, "primary", 10)
    after = await buffer.depth(TASKS)
    await buffer.commit(TASKS, 0, "primary", 30)
    empty = await buffer.depth(TASKS)
    assert (before.head, before.committed, before.records, before.payload_bytes) == (30, 0, 30, 3 * size)
    assert before.oldest_accepted_at == NOON + timedelta(seconds=1)
    assert (after.head, after.committed, after.records, after.payload_bytes) == (30, 10, 20, 2 * size)
    assert after.oldest_accepted_at == NOON + timedelta(seconds=2)
    assert (empty.committed, empty.records, empty.payload_bytes) == (30, 0, 0)
    assert empty.oldest_accepted_at is None


async def test_a_frame_waits_whole_until_its_last_record_is_committed(buffer: Buffer) -> None:
    await buffer.append(TASKS, draft(1, count=10))
    await buffer.commit(TASKS, 0, "primary", 4)
    depth = await buffer.depth(TASKS)
    assert (depth.committed, depth.records, depth.payload_bytes) == (4, 6, len(draft(1).payload))
    assert depth.oldest_accepted_at == NOON + timedelta(seconds=1)


async def test_a_watermark_never_goes_back(buffer: Buffer) -> None:
    for number in range(5):
        await buffer.append(TASKS, draft(number))
    await buffer.commit(TASKS, 0, "primary", 4)
    await buffer.commit(TASKS, 0, "primary", 2)
    await buffer.commit(TASKS, 0, "primary", 4)
    assert (await buffer.depth(TASKS)).committed == 4


async def test_a_frame_stays_until_every_reader_has_passed_it(buffer: Buffer) -> None:
    for number in range(40):
        await buffer.append(TASKS, draft(number, size=2000))
    await buffer.commit(TASKS, 0, "primary", 40)
    assert len(await everything(buffer)) == 40
    assert (await buffer.depth(TASKS, "search")).records == 40
    assert (await buffer.depth(TASKS, "primary")).records == 0
    await buffer.commit(TASKS, 0, "search", 40)
    assert len(await everything(buffer)) < 40
    assert (await buffer.depth(TASKS, "search")).records == 0


async def test_appends_go_on_behind_what_is_committed_and_freed(buffer: Buffer) -> None:
    for round_ in range(20):
        position = await buffer.append(TASKS, draft(round_, size=3000, count=2))
        assert position.first == 2 * round_ + 1
        for reader in READERS:
            await buffer.commit(TASKS, 0, reader, position.last)
        assert (await buffer.depth(TASKS)).records == 0
    await buffer.append(TASKS, draft(99))
    assert [frame.sequence for frame in await everything(buffer, after=40)] == [41]


async def test_a_cancelled_append_leaves_the_others_alone(buffer: Buffer) -> None:
    tasks = [asyncio.create_task(buffer.append(TASKS, draft(number))) for number in range(10)]
    await asyncio.sleep(0)
    tasks[4].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    firsts = [each.first for each in results if isinstance(each, Position)]
    frames = {frame.sequence: frame.first_revision & 0xFF for frame in await everything(buffer)}
    assert len(firsts) >= 9
    assert [frames[position.first] for position in results if isinstance(position, Position)] == [
        number for number, result in enumerate(results) if isinstance(result, Position)
    ]


async def test_a_frame_without_records_is_refused(buffer: Buffer) -> None:
    with pytest.raises(ValueError, match="at least one record"):
        await buffer.append(TASKS, draft(1, count=0))
    assert (await buffer.append(TASKS, draft(2))).first == 1


async def test_there_is_one_partition(buffer: Buffer) -> None:
    with pytest.raises((ValueError, Unavailable), match="partition 1"):
        await buffer.read(TASKS, 1, 0, max_bytes=1, wait_seconds=0)
    with pytest.raises((ValueError, Unavailable), match="partition 1"):
        await buffer.commit(TASKS, 1, "primary", 1)

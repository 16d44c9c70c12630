"""The log at the far end of a pipe, where something goes wrong; what goes well is in the contract of the log."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from adapters.memory.write_buffer import MemoryWriteBuffer
from adapters.pipe.channel import Channel
from adapters.pipe.log_server import LogServer
from adapters.pipe.messages import FROM_WORKER, TO_WORKER, Committed, Measured, Portion
from adapters.pipe.pending_log import MOST_PAYLOAD, PipedLog
from domain.errors import Draining, JournalFailed, JournalFull, Unavailable
from domain.model.frames import BufferDepth, FrameDraft
from tests.unit.domain.services.house import START

LANE = "tasks"


class Log(MemoryWriteBuffer):
    """A log that fails as it is told to, and whose commits take the time they are given."""

    def __init__(self) -> None:
        super().__init__([LANE])
        self.fault: Exception | None = None
        self.may_commit = asyncio.Event()
        self.may_commit.set()

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        if self.fault is not None:
            raise self.fault
        await self.may_commit.wait()
        await super().commit(lane, partition, reader, through)


class Pipe:
    """Both ends, talking."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self.log = Log()
        self.told: list[tuple[str, int]] = []
        self.service = Channel(near, FROM_WORKER)
        self.worker = Channel(far, TO_WORKER)
        self.server = LogServer(self.log, self.service, lambda lane, through: self.told.append((lane, through)))
        self.piped = PipedLog(self.worker)
        self.talking = asyncio.gather(self.serve(), self.hear())

    async def serve(self) -> None:
        while True:
            self.server.serve((await self.service.receive())[0])

    async def hear(self) -> None:
        while True:
            self.piped.answered(*await self.worker.receive())

    async def close(self) -> None:
        self.talking.cancel()
        await asyncio.gather(self.talking, return_exceptions=True)
        await self.server.close()
        await self.service.close()
        await self.worker.close()


@pytest.fixture
async def pipe() -> AsyncIterator[Pipe]:
    pipe = Pipe()
    yield pipe
    await pipe.close()


async def fill(log: Log, frames: int, size: int = 10) -> None:
    for number in range(frames):
        draft = FrameDraft(accepted_at=START, first_revision=number, count=2, payload=b"%08d" % number + bytes(size))
        await log.append(LANE, draft)


@pytest.mark.parametrize("kind", [JournalFull, JournalFailed, Draining])
async def test_what_the_log_refuses_is_refused_alike_at_the_far_end(pipe: Pipe, kind: type[Unavailable]) -> None:
    pipe.log.fault = kind("the disk says no")
    with pytest.raises(kind, match="the disk says no"):
        await pipe.piped.commit(LANE, 0, "primary", 1)
    assert pipe.told == []


async def test_a_bug_on_the_near_end_is_an_answer_too(pipe: Pipe) -> None:
    pipe.log.fault = ZeroDivisionError("whoops")
    with pytest.raises(Unavailable, match="ZeroDivisionError: whoops"):
        await pipe.piped.commit(LANE, 0, "primary", 1)
    with pytest.raises(Unavailable, match="KeyError"):
        await pipe.piped.depth("no such lane")
    assert (await pipe.piped.depth(LANE)).head == 0


async def test_whoever_follows_hears_of_a_moved_watermark_before_the_worker_does(pipe: Pipe) -> None:
    await fill(pipe.log, 3)
    pipe.log.may_commit.clear()
    committing = asyncio.create_task(pipe.piped.commit(LANE, 0, "primary", 4))
    await asyncio.sleep(0.05)
    assert (pipe.told, committing.done()) == ([], False)
    pipe.log.may_commit.set()
    await committing
    assert pipe.told == [(LANE, 4)]


async def test_a_watermark_on_its_way_arrives_and_is_told_of_although_the_worker_is_gone(pipe: Pipe) -> None:
    await fill(pipe.log, 3)
    pipe.log.may_commit.clear()
    committing = asyncio.create_task(pipe.piped.commit(LANE, 0, "primary", 4))
    reading = asyncio.create_task(pipe.piped.read(LANE, 0, 6, max_bytes=100, wait_seconds=3600))
    await asyncio.sleep(0.05)
    committing.cancel()
    reading.cancel()
    asyncio.get_running_loop().call_later(0.05, pipe.log.may_commit.set)
    async with asyncio.timeout(5):  # what only reads is dropped at once
        await pipe.server.close()
    assert pipe.told == [(LANE, 4)]
    assert (await pipe.log.depth(LANE)).committed == 4


async def test_many_questions_at_once_get_each_its_own_answer(pipe: Pipe) -> None:
    await fill(pipe.log, 50, size=3000)
    questions = [pipe.piped.read(LANE, 0, 2 * number, max_bytes=1, wait_seconds=0) for number in range(50)]
    portions = await asyncio.gather(*questions)
    assert [[frame.sequence for frame in portion] for portion in portions] == [[2 * n + 1] for n in range(50)]
    assert [portion[0].payload[:8] for portion in portions] == [b"%08d" % number for number in range(50)]


async def test_a_portion_fits_into_the_pipe_whatever_is_asked_for(pipe: Pipe) -> None:
    await fill(pipe.log, 5, size=MOST_PAYLOAD // 3)
    portion = await pipe.piped.read(LANE, 0, 0, max_bytes=1 << 40, wait_seconds=0)
    assert len(portion) == 2


async def test_an_answer_that_nobody_waits_for_is_dropped(pipe: Pipe) -> None:
    reading = asyncio.create_task(pipe.piped.read(LANE, 0, 0, max_bytes=100, wait_seconds=3600))
    await asyncio.sleep(0.02)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await fill(pipe.log, 1)
    assert len(await pipe.piped.read(LANE, 0, 0, max_bytes=100, wait_seconds=5)) == 1
    pipe.piped.answered(Committed(999), bytearray())


async def asked(pipe: Pipe) -> asyncio.Task[object]:
    """A question whose answer the test gives: nobody listens at the near end."""
    pipe.talking.cancel()
    reading = asyncio.create_task(pipe.piped.read(LANE, 0, 0, max_bytes=1, wait_seconds=0))
    await asyncio.sleep(0.02)
    return reading


async def test_payloads_that_do_not_add_up_are_refused(pipe: Pipe) -> None:
    reading = await asked(pipe)
    pipe.piped.answered(Portion(1, (), ()), bytearray(3))
    with pytest.raises(Unavailable, match="announced 0 bytes of payload and sent 3"):
        await reading


async def test_the_answer_to_another_question_is_refused(pipe: Pipe) -> None:
    reading = await asked(pipe)
    depth = BufferDepth(head=0, committed=0, payload_bytes=0, oldest_accepted_at=None)
    pipe.piped.answered(Measured(1, depth), bytearray())
    with pytest.raises(Unavailable, match="answered Read with Measured"):
        await reading

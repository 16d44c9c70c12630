"""What is behind a closed gate waits, and stays acknowledged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from adapters.memory.write_buffer import MemoryWriteBuffer
from domain.model.frames import FrameDraft
from domain.services.gate import Gate


@pytest.fixture
async def log():
    log = MemoryWriteBuffer(["lane"])
    yield log
    await log.close()


@pytest.fixture
def gate(log):
    return Gate(log, ["lane"])


async def append(log, payload: bytes) -> None:
    draft = FrameDraft(accepted_at=datetime.now(UTC), first_revision=1, count=1, payload=payload)
    await log.append("lane", draft)


async def read(gate, after=0, wait=0.0):
    return [frame.payload for frame in await gate.read("lane", 0, after, max_bytes=1000, wait_seconds=wait)]


async def test_nothing_passes_a_closed_gate_and_everything_does_when_it_opens(log, gate):
    await append(log, b"one")
    assert await read(gate) == [b"one"]
    assert gate.close("lane") == 1
    await append(log, b"two")
    assert await read(gate, after=1) == []
    assert (await gate.depth("lane")).records == 2

    waiting = asyncio.create_task(read(gate, after=1, wait=30))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    gate.open("lane")
    assert await waiting == []  # and looks again
    assert await read(gate, after=1) == [b"two"]
    assert gate.close("lane") == 2


async def test_a_look_that_began_before_the_gate_closed_brings_nothing_behind_it(log, gate):
    looking = asyncio.create_task(read(gate, wait=0.05))
    await asyncio.sleep(0.01)
    assert gate.close("lane") == -1
    await append(log, b"one")
    assert await looking == []
    assert not gate.is_open("lane")


async def test_what_was_handed_out_before_is_handed_out_again_to_a_drain_that_took_over(log, gate):
    for payload in (b"one", b"two", b"three"):
        await append(log, payload)
    assert await read(gate) == [b"one", b"two", b"three"]
    assert gate.close("lane") == 3
    await append(log, b"four")
    assert await read(gate, after=1) == [b"two", b"three"]
    assert await read(gate, after=3) == []
    gate.open("lane")
    assert await read(gate, after=1) == [b"two", b"three", b"four"]
    assert await read(gate, after=3) == [b"four"]
    assert gate.close("lane") == 4


async def test_who_waits_for_a_held_lane_loses_no_time(gate):
    await gate.reopened("lane")
    gate.open("lane")
    assert gate.reopenings("lane") == 0
    gate.close("lane")
    waiting = asyncio.create_task(gate.reopened("lane"))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    gate.open("lane")
    await waiting
    assert gate.reopenings("lane") == 1

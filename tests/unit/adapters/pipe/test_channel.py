"""The pipe between two processes, as both its ends see it."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from adapters.pipe import channel as pipe
from adapters.pipe.channel import Channel, ChannelClosed
from adapters.pipe.messages import (
    FROM_WORKER,
    TO_WORKER,
    Committed,
    Farewell,
    Hurry,
    Logged,
    Ping,
    Pong,
    Portion,
    Ready,
)

ODD_SIZES = [0, 1, 11, 12, 13, 65_535, 65_536, 65_537, 212_993, (8 << 20) + 3]


class Ends:
    """Two channels that talk to each other, and the bare sockets under them."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.service = Channel(self.near, FROM_WORKER)
        self.worker = Channel(self.far, TO_WORKER)

    async def close(self) -> None:
        await self.service.close()
        await self.worker.close()


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ends = Ends()
    yield ends
    await ends.close()


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def encoded(message: msgspec.Struct, parts: bytes = b"") -> bytes:
    """The bytes of a message, as they stand in the pipe."""
    head = msgspec.msgpack.encode(message)
    return pipe._PREFIX.pack(b"PW", pipe.VERSION, len(head), len(parts)) + head + parts


@pytest.mark.parametrize("size", ODD_SIZES)
async def test_bytes_of_any_size_arrive_behind_their_message(ends: Ends, size: int) -> None:
    parts = [noise(size, seed) for seed in range(3)]
    ends.service.post(Committed(7), parts)
    ends.service.post(Ping())
    async with asyncio.timeout(20):
        assert await ends.worker.receive() == (Committed(7), b"".join(parts))
        assert await ends.worker.receive() == (Ping(), b"")


async def test_messages_arrive_in_the_order_they_were_posted_in_both_directions(ends: Ends) -> None:
    chance = random.Random(11)
    there = [
        (Hurry("tasks", number), [noise(chance.choice((0, 5, 70_000, 300_000)), number)] * chance.randint(0, 3))
        for number in range(150)
    ]
    back = [(Logged(30, "library", "x" * chance.choice((0, 9, 90_000))), ()) for _ in range(150)]

    async def receive(end: Channel, count: int) -> list[tuple[msgspec.Struct, bytes]]:
        return [(message, bytes(body)) for message, body in [await end.receive() for _ in range(count)]]

    for (message, parts), (reply, _) in zip(there, back, strict=True):
        ends.service.post(message, parts)
        ends.worker.post(reply)
    async with asyncio.timeout(20):
        arrived, returned = await asyncio.gather(receive(ends.worker, len(there)), receive(ends.service, len(back)))
    assert arrived == [(message, b"".join(parts)) for message, parts in there]
    assert returned == [(message, b"") for message, _ in back]


WHOLE = encoded(Farewell("good-bye"), noise(40))


@pytest.mark.parametrize("size", range(len(WHOLE)))
async def test_a_message_that_is_cut_is_the_end_and_not_half_a_message(ends: Ends, size: int) -> None:
    ends.far.setblocking(True)
    ends.far.sendall(WHOLE[:size])
    ends.far.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ChannelClosed) as closed:
        await ends.service.receive()
    assert str(closed.value) == ""


async def refusal(ends: Ends, sent: bytes) -> str:
    ends.far.setblocking(True)
    ends.far.sendall(sent)
    ends.far.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(10):
        while True:
            try:
                await ends.service.receive()
            except ChannelClosed as closed:
                return str(closed)


async def test_garbage_is_refused(ends: Ends) -> None:
    assert await refusal(ends, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == "it sent what is no message"


async def test_another_version_is_refused_with_the_cure(ends: Ends) -> None:
    other = pipe._PREFIX.pack(b"PW", pipe.VERSION + 1, 1, 0) + b"x"
    assert "restart the service" in await refusal(ends, other)


@pytest.mark.parametrize("sizes", [(pipe.MOST_BYTES + 1, 0), (1, pipe.MOST_BYTES + 1), (2**32 - 1, 2**32 - 1)])
async def test_a_giant_is_refused_before_room_is_made_for_it(ends: Ends, sizes: tuple[int, int]) -> None:
    assert "announced" in await refusal(ends, pipe._PREFIX.pack(b"PW", pipe.VERSION, *sizes))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xc1",
        b"\x93\xa4Read\x01\x02",
        msgspec.msgpack.encode(["Read", "one", "lane", 0, 0, 0, 0]),
        msgspec.msgpack.encode(["Hurry", "lane", 7]),  # a message, but not one that a worker sends
        msgspec.msgpack.encode(["Observed", {"type": "NothingKnown"}]),
        msgspec.msgpack.encode({"type": "Ready"}),
        msgspec.msgpack.encode([[]] * 3),
        b"\x91" * 100_000,
    ],
)
async def test_a_head_that_means_nothing_is_refused(ends: Ends, head: bytes) -> None:
    assert "means nothing" in await refusal(ends, pipe._PREFIX.pack(b"PW", pipe.VERSION, len(head), 0) + head)


async def test_a_damaged_message_is_refused_or_is_another_message_but_never_a_crash() -> None:
    chance = random.Random(5)
    whole = encoded(Logged(30, "library", "text"), b"12345678")
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        ends = Ends()
        await refusal(ends, bytes(damaged))
        await ends.close()


async def test_more_than_a_channel_carries_is_refused_where_it_is_posted(ends: Ends) -> None:
    with pytest.raises(ValueError, match="more than a channel carries"):
        ends.service.post(Ping(), [bytes(pipe.MOST_BYTES), b"x"])
    ends.service.post(Ping())
    assert (await ends.worker.receive())[0] == Ping()


async def test_posting_never_waits_for_a_reader_that_is_slow(ends: Ends) -> None:
    sizes = [300_000] * 20
    for size in sizes:
        ends.service.post(Portion(1, (), (size,)), [noise(size)])
    sent = asyncio.create_task(ends.service.sent())
    await asyncio.sleep(0.1)
    assert not sent.done()
    async with asyncio.timeout(10):
        for size in sizes:
            assert len((await ends.worker.receive())[1]) == size
        await sent


async def test_a_caller_that_gives_up_leaves_no_half_message_behind(ends: Ends) -> None:
    ends.service.post(Committed(1), [noise(3 << 20)])
    waiting = asyncio.create_task(ends.service.sent())
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    ends.service.post(Committed(2))
    async with asyncio.timeout(10):
        assert [(await ends.worker.receive())[0] for _ in range(2)] == [Committed(1), Committed(2)]


async def test_what_is_posted_to_an_end_that_is_gone_is_dropped(ends: Ends) -> None:
    await ends.worker.close()
    for _ in range(5):
        ends.service.post(Committed(1), [noise(1 << 20)])
        await ends.service.sent()
    with pytest.raises(ChannelClosed):
        await ends.service.receive()


async def test_what_was_said_last_arrives_although_its_sender_has_gone(ends: Ends) -> None:
    ends.service.post(Ping())  # unread: the far end closes over it
    await ends.service.sent()
    ends.worker.post(Ready())
    ends.worker.post(Farewell("no room"))
    await ends.worker.sent()
    await ends.worker.close()
    assert [(await ends.service.receive())[0] for _ in range(2)] == [Ready(), Farewell("no room")]


async def test_hanging_up_ends_the_waiting_at_both_ends(ends: Ends) -> None:
    waiting = [asyncio.create_task(end.receive()) for end in (ends.service, ends.worker)]
    await asyncio.sleep(0.01)
    ends.service.hang_up()
    async with asyncio.timeout(5):
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ended] == [ChannelClosed, ChannelClosed]


async def test_closing_does_not_wait_for_what_nobody_reads(ends: Ends) -> None:
    ends.service.post(Committed(1), [noise(4 << 20)])
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await ends.service.close()


async def test_a_message_of_each_direction_survives_the_other(ends: Ends) -> None:
    ends.worker.post(Pong())
    ends.service.post(Ping())
    assert (await ends.service.receive())[0] == Pong()
    assert (await ends.worker.receive())[0] == Ping()

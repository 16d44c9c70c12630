"""Blocking work beside the event loop."""

import asyncio
import os

import pytest

from entrypoints.client.aside import aside


async def test_items_come_in_order():
    assert [item async for item in aside(iter(range(5)))] == [0, 1, 2, 3, 4]


async def test_what_the_iterator_raises_arrives():
    def broken():
        yield 1
        raise OSError("gone")

    items = aside(broken())
    assert await anext(items) == 1
    with pytest.raises(OSError, match="gone"):
        await anext(items)


async def test_a_silent_pipe_keeps_nobody_waiting():
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as pipe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(aside(iter(pipe)))
        os.close(theirs)

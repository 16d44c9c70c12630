"""The end of tasks: asked for again where it was lost, and without a word about how they ended."""

from __future__ import annotations

import asyncio

from domain.services import ending
from domain.services.ending import ended


async def test_a_task_that_loses_a_cancellation_is_asked_again(monkeypatch):
    monkeypatch.setattr(ending, "_AGAIN", 0.01)
    lost = []

    async def deaf():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost.append(True)
                if len(lost) == 3:
                    raise

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await ended(task)
    assert task.cancelled()
    assert len(lost) == 3


async def test_a_task_has_its_time_to_put_things_away():
    put_away = []

    async def tidy():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            put_away.append(True)

    task = asyncio.create_task(tidy())
    await asyncio.sleep(0)
    await ended(task)
    assert put_away == [True]


async def test_how_they_end_is_nobodys_concern():
    async def fails():
        raise ValueError

    async def done():
        return None

    tasks = [asyncio.create_task(fails()), asyncio.create_task(done())]
    await asyncio.wait(tasks)
    await ended(*tasks)
    await ended()

"""The watermark of a lane, and who waits for more."""

from __future__ import annotations

import asyncio

from domain.services.progress import Progress


async def test_who_waits_is_let_go_in_the_order_of_the_watermark():
    progress = Progress()
    progress.reached(10)
    waits = {through: asyncio.create_task(progress.reach(through)) for through in (9, 11, 20, 30)}
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    done = []
    for watermark in (10, 11, 19, 25, 30):
        progress.reached(watermark)
        await asyncio.sleep(0)
        done.append({through for through, wait in waits.items() if wait.done()})
    assert done == [{9}, {9, 11}, {9, 11}, {9, 11, 20}, {9, 11, 20, 30}]


async def test_hurry_lasts_until_everything_wanted_is_applied_and_no_longer():
    progress = Progress()
    progress.reached(0)
    progress.want(5)
    progress.want(3)
    assert (progress.wanted, progress.hurry.is_set()) == (5, True)
    progress.reached(4)
    assert progress.hurry.is_set()
    progress.reached(7)
    assert not progress.hurry.is_set()
    progress.want(7)
    assert not progress.hurry.is_set()


async def test_nothing_is_known_to_be_applied_before_a_drain_has_begun():
    progress = Progress()
    wait = asyncio.create_task(progress.reach(0))
    await asyncio.sleep(0)
    assert not wait.done()
    progress.reached(0)
    await asyncio.wait_for(wait, 1)


async def test_who_gives_up_is_forgotten():
    progress = Progress()
    progress.reached(0)
    for _ in range(3):
        wait = asyncio.create_task(progress.reach(9))
        await asyncio.sleep(0)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
    assert not progress._waiters
    progress.reached(9)

"""Blocking calls beside the event loop."""

import asyncio
import threading

from adapters.threads import in_object_thread


async def test_an_object_store_that_hangs_keeps_nothing_else_waiting():
    hang = threading.Event()
    calls = [asyncio.ensure_future(in_object_thread(hang.wait)) for _ in range(200)]
    await asyncio.sleep(0)
    try:
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 7), 30) == 7
    finally:
        hang.set()
    assert await asyncio.gather(*calls) == [True] * 200


async def test_who_is_cancelled_waits_for_the_end_of_the_call():
    hang, ended = threading.Event(), []
    call = asyncio.ensure_future(in_object_thread(lambda: ended.append(hang.wait())))
    await asyncio.sleep(0.05)
    call.cancel()
    await asyncio.sleep(0.05)
    assert not call.done()
    hang.set()
    await asyncio.wait([call])
    assert (ended, call.cancelled()) == ([True], True)

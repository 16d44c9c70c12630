"""The end of tasks that are no longer wanted."""

from __future__ import annotations

import asyncio

_AGAIN = 15.0  # seconds; longer than what a task has to put away, a process that it ends included


async def ended(*tasks: asyncio.Task[object]) -> None:
    """Cancel tasks, and return when they have ended, however they did.

    A cancellation is asked for again where it was lost: up to Python 3.11 ``asyncio.wait_for``, which drivers use,
    swallows one that comes as its call returns (https://github.com/python/cpython/issues/86296).
    """
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)  # whoever ends them does not ask how they failed

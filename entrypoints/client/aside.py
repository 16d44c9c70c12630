"""Blocking work beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


async def aside(items: Iterator[T]) -> AsyncIterator[T]:
    """The items of an iterator that may block for ever, as a pipe does that nobody writes to.

    Each is taken in a thread of its own, which nobody waits for at the end: requests go on meanwhile, and Ctrl-C works.
    """
    while True:
        taken: Future[list[T]] = Future()
        taken.set_running_or_notify_cancel()  # from here on it cannot be cancelled under the thread's hands
        threading.Thread(target=_take, args=(items, taken), daemon=True).start()
        found = await asyncio.wrap_future(taken)
        if not found:
            return
        yield found[0]


def _take(items: Iterator[T], taken: Future[list[T]]) -> None:
    try:
        taken.set_result(list(islice(items, 1)))
    except Exception as error:
        taken.set_exception(error)

"""Blocking calls beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_OBJECTS = ThreadPoolExecutor(64, thread_name_prefix="objects")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call returns or raises. Who is cancelled meanwhile still waits for its end.

    So a descriptor is never closed, and then given to another file, under a call that uses it.
    """
    return await _ended(asyncio.ensure_future(asyncio.to_thread(call, *args, **kwargs)))


async def in_object_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for calls of an object store, in threads of their own.

    Those that hang, with a store that has stalled, would keep waiting what every other part does in threads: resolving
    a name, connecting to a database.
    """
    return await _ended(asyncio.get_running_loop().run_in_executor(_OBJECTS, partial(call, *args, **kwargs)))


async def _ended(running: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise

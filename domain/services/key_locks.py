"""Locks on keys: changes of one record wait for each other, those of different records do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class KeyLocks:
    """One lock per key in use; held in key order, so that two holders never wait for each other."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, collection: str, keys: Iterable[str]) -> AsyncIterator[None]:
        """Hold the locks of all these keys."""
        locks = [self._locks.setdefault((collection, key), asyncio.Lock()) for key in sorted(set(keys))]
        taken: list[asyncio.Lock] = []
        try:
            for lock in locks:
                await lock.acquire()
                taken.append(lock)
            yield
        finally:
            for lock in taken:
                lock.release()

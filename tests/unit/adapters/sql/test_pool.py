"""The pool of sessions, by a driver that loses a cancellation. The rest is tested on real servers."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from adapters.sql.pool import PoolLimits, SessionPool
from domain.errors import BackendError


class DeafSession:
    """Does nothing."""

    usable = True

    def __init__(self) -> None:
        self.opened_at = self.used_at = time.monotonic()
        self.begun = False
        self.left = False

    async def begin(self, seconds, deadline):
        self.begun = True
        return self

    async def end(self):
        self.left = True

    def leave(self):
        self.left = True


class DeafPool(SessionPool[DeafSession]):
    """Connects for a while, and loses a cancellation meanwhile, as ``asyncio.wait_for`` does up to Python 3.11."""

    opened = None

    async def connect(self):
        if self.opened is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(30)
        self.opened = DeafSession()
        return self.opened


async def test_a_deadline_that_a_driver_loses_while_it_connects_ends_the_block():
    pool = DeafPool("a server", PoolLimits(ready=1, most=1, overflow=1))
    await pool.open()
    async with pool.acquire(5.0):
        with pytest.raises(BackendError):
            async with pool.acquire(0.05):
                pytest.fail("a block without a deadline")
        assert not pool.opened.begun
    await pool.close()

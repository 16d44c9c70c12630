"""The way a process is told to end, and how fast."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from domain.model.observations import JournalBroken, Observation

T = TypeVar("T")


class Stop:
    """SIGTERM asks for an orderly end, SIGINT for one without the drain delay, a second signal skips every wait."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.hurry = asyncio.Event()
        self.patient = True  # whether load balancers are given their time to notice
        self.failed = False  # the journal's disk failed: nothing may be waited for

    def listen(self) -> None:
        """Take the two signals; needs the running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.signalled, number)

    def signalled(self, number: int) -> None:
        """A signal has come."""
        if self.requested.is_set():
            self.hurry.set()
        if number == signal.SIGINT:
            self.patient = False
        self.requested.set()

    def fail(self) -> None:
        """End now, because going on would mean to acknowledge what is not safe."""
        self.failed = True
        self.patient = False
        self.hurry.set()
        self.requested.set()

    def __call__(self, observation: Observation) -> None:
        """As an observer: the journal's disk failed."""
        if isinstance(observation, JournalBroken):
            self.fail()

    async def pause(self, seconds: float) -> None:
        """Wait, unless there is a hurry."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.hurry.wait()

    async def unless_hurried(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The outcome of ``work``; None where a hurry ended it early."""
        working = asyncio.create_task(work)
        hurried = asyncio.create_task(self.hurry.wait())
        await asyncio.wait((working, hurried), return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if working.done():
            return working.result()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return None

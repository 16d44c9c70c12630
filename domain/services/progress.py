"""How far a lane is applied, and how far somebody wants it to be."""

from __future__ import annotations

import asyncio


class Progress:
    """The watermark of one lane as its drain knows it, and who waits for more."""

    def __init__(self) -> None:
        self.applied = -1  # sequence of the last applied record; unknown before the drain begins
        self.trouble: str | None = None  # why nothing has been applied since the drain was broken off
        self.wanted = -1  # up to here nothing lingers
        self.hurry = asyncio.Event()  # set while more is wanted than is applied
        self.more = asyncio.Event()  # set whenever more is wanted than before, for whoever passes that on
        self._waiters: dict[asyncio.Future[None], int] = {}

    def want(self, through: int) -> None:
        """Let records up to ``through`` be applied without lingering."""
        if through > self.applied:
            self.hurry.set()
        if through > max(self.applied, self.wanted):
            self.wanted = through
            self.more.set()

    async def reach(self, through: int) -> None:
        """Return when records up to ``through`` are applied; they do not linger."""
        if self.applied >= through:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[done] = through
        self.want(through)
        try:
            await done
        finally:
            self._waiters.pop(done, None)

    def reached(self, through: int) -> None:
        """Records up to ``through`` are applied and the watermark has moved."""
        if through > self.applied:
            self.trouble = None
        self.applied = through
        for done, target in list(self._waiters.items()):
            if target <= through:
                del self._waiters[done]
                if not done.done():
                    done.set_result(None)
        if self.wanted <= through:
            self.hurry.clear()

"""Drains for ever, also past a bug: a drain that ended unseen would look like an outage without a cause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from domain.errors import UnexpectedFailure
from domain.model.collections import Collection
from domain.model.lanes import LaneState
from domain.model.observations import FlushFailed
from domain.services.progress import Progress
from ports.ambient import Observer

AGAIN_SECONDS = 1.0


class Drain(Protocol):
    """One collection's drain, in this process or in another."""

    collection: Collection
    partition: int  # of the pending log

    @property
    def state(self) -> LaneState:
        """How it fares."""

    async def drain(self, progress: Progress, applied: Callable[[str, int], None]) -> None:
        """Apply batch after batch until cancelled, from ``progress`` on; tells it, and ``applied``, after each."""


async def drain_on(
    lane: Drain,
    progress: Progress,
    applied: Callable[[str, int], None],
    committed: Callable[[], Awaitable[int]],
    observer: Observer,
) -> None:
    """Drain until cancelled. What a drain does not expect is reported, and it begins again where the log is.

    ``committed``: looks up the watermark.
    """
    name, attempt, known = lane.collection.name, 0, progress.applied
    while True:
        try:
            if attempt:
                through = await committed()
                applied(name, through)
                progress.reached(through)
            await lane.drain(progress, applied)
        except Exception as error:
            attempt = 1 if progress.applied > known else attempt + 1
            known = progress.applied
            progress.trouble = f"The drain met a bug: {type(error).__name__}: {error}"
            observer(
                FlushFailed(
                    collection=name,
                    error=UnexpectedFailure.code,
                    detail=progress.trouble,
                    attempt=attempt,
                    retry_in_seconds=AGAIN_SECONDS,
                )
            )
        await asyncio.sleep(AGAIN_SECONDS)

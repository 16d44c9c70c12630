"""The generations of collections whose log is drained through this process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from domain.model.frames import BufferDepth, Frame
from ports.ambient import Ids
from ports.write_buffer import PendingLog


class CountedLog:
    """A pending log that counts how often each lane's watermark was about to move: this is its generation.

    A batch is committed in its backend before, and is known to be applied behind it.
    """

    def __init__(self, log: PendingLog, ids: Ids) -> None:
        self._log = log
        self._run = ids.request_id()  # a count of another run means nothing
        self._counts: defaultdict[str, int] = defaultdict(int)

    async def of(self, lane: str) -> str | None:
        """As ``Generations`` says."""
        return f"{self._run}.{self._counts[lane]}"

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """As the port says."""
        return await self._log.read(lane, partition, after, max_bytes=max_bytes, wait_seconds=wait_seconds)

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """As the port says; the generation ends before the watermark moves, and also where it then does not."""
        self._counts[lane] += 1
        await self._log.commit(lane, partition, reader, through)

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """As the port says."""
        return await self._log.depth(lane, reader, partition=partition)

"""What outlives the log about acknowledged requests: epochs, and the records that were not applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.model.receipts import Epoch, WriteException


class Receipts(Protocol):
    """A durable store beside the log."""

    async def open_epoch(self, lane: str, first_sequence: int) -> Epoch:
        """Begin a new epoch of a lane whose next record gets ``first_sequence``; numbers only grow."""
        ...

    async def epochs(self, lane: str, number: int) -> tuple[Epoch | None, Epoch | None]:
        """The epoch of that number and the one after it; None where there is none."""
        ...

    async def add(self, exceptions: Sequence[WriteException]) -> None:
        """Keep exceptions durably before the watermark moves; (lane, sequence) twice is once."""
        ...

    async def exceptions(self, lane: str, first: int, last: int) -> Sequence[WriteException]:
        """The exceptions among the records ``first..last``, in order."""
        ...

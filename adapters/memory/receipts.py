"""Receipt epochs and exceptions in dictionaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from domain.model.receipts import Epoch, WriteException


class MemoryReceipts:
    """Exceptions of records that a new epoch numbers anew are forgotten: they were of records that are lost."""

    def __init__(self) -> None:
        self._epochs: defaultdict[str, list[Epoch]] = defaultdict(list)  # epoch n stands at n - 1
        self._exceptions: dict[tuple[str, int], WriteException] = {}

    async def open_epoch(self, lane: str, first_sequence: int) -> Epoch:
        """As the port says."""
        epochs = self._epochs[lane]
        epochs.append(Epoch(len(epochs) + 1, first_sequence))
        for place in [place for place in self._exceptions if place[0] == lane and place[1] >= first_sequence]:
            del self._exceptions[place]
        return epochs[-1]

    async def epochs(self, lane: str, number: int) -> tuple[Epoch | None, Epoch | None]:
        """As the port says."""
        found = {epoch.number: epoch for epoch in self._epochs[lane]}
        return found.get(number), found.get(number + 1)

    async def add(self, exceptions: Sequence[WriteException]) -> None:
        """As the port says."""
        for exception in exceptions:
            self._exceptions.setdefault((exception.lane, exception.sequence), exception)

    async def exceptions(self, lane: str, first: int, last: int) -> Sequence[WriteException]:
        """As the port says."""
        places = sorted(place for place in self._exceptions if place[0] == lane and first <= place[1] <= last)
        return tuple(self._exceptions[place] for place in places)

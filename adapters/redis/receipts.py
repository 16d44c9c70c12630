"""What became of acknowledged records, for every instance to answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from adapters.redis.keys import EXCEPTIONS
from adapters.redis.server import RedisServer
from adapters.redis.shelf import Shelf, place
from domain.model.receipts import Epoch, WriteException


class Epochs(Protocol):
    """Who knows the logs that there are, and were: the write buffer."""

    async def open_epoch(self, lane: str, first_sequence: int) -> Epoch:
        """The epoch of the log that gives this number."""
        ...

    async def epochs(self, lane: str, number: int) -> tuple[Epoch | None, Epoch | None]:
        """The epoch of that number and the one after it."""
        ...


class RedisReceipts:
    """Exceptions by lane and sequence; an epoch lasts as long as the shared log, however many instances open it."""

    def __init__(self, server: RedisServer, epochs: Epochs) -> None:
        self._shelf = Shelf(server, EXCEPTIONS)
        self.open_epoch = epochs.open_epoch
        self.epochs = epochs.epochs

    async def add(self, exceptions: Sequence[WriteException]) -> None:
        """As the port says."""
        await self._shelf.keep((place(each.lane, each.sequence), msgspec.msgpack.encode(each)) for each in exceptions)

    async def exceptions(self, lane: str, first: int, last: int) -> Sequence[WriteException]:
        """As the port says."""
        places = await self._shelf.places(b"[" + place(lane, first), b"[" + place(lane, last))
        return tuple(msgspec.msgpack.decode(each, type=WriteException) for each in await self._shelf.values(places))

"""The connections that are open, and a bound on them: who has been silent the longest makes room for the next."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol


class Connection(Protocol):
    """One of them."""

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        ...

    def abort(self) -> None:
        """End it without a word."""
        ...


class Connections:
    """All of a listener's, in the order in which they were last heard of."""

    def __init__(self, most: int) -> None:
        """``most``: that are open at once."""
        self._most = most
        self._open: OrderedDict[Connection, None] = OrderedDict()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def opened(self, connection: Connection) -> None:
        """Another one; where all places are taken by requests that are being answered, it is the one that goes."""
        if len(self._open) >= self._most:
            idle = next((other for other in self._open if other.is_idle), connection)
            self.closed(idle)
            idle.abort()
            if idle is connection:
                return
        self._open[connection] = None

    def heard(self, connection: Connection) -> None:
        """It has sent something."""
        if connection in self._open:
            self._open.move_to_end(connection)

    def closed(self, connection: Connection) -> None:
        """It has ended."""
        self._open.pop(connection, None)

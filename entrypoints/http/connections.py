"""The connections of a listener, and a bound on them: who is least missed makes room for the next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Protocol


class Connection(Protocol):
    """One of them."""

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        ...

    def abort(self) -> None:
        """End it without a word; ``Connections.closed`` is told when it has ended."""
        ...


class Connections:
    """All that are held, from their accept until their socket is closed."""

    def __init__(self, most: int) -> None:
        """``most``: that are held at once."""
        self._most = most
        self._coming: OrderedDict[Connection, None] = OrderedDict()  # amid their handshake, the oldest first
        self._open: OrderedDict[Connection, None] = OrderedDict()  # the longest silent first
        self._going: set[Connection] = set()  # aborted, and not yet closed

    def __len__(self) -> int:
        """How many are held."""
        return len(self._coming) + len(self._open) + len(self._going)

    @property
    def is_full(self) -> bool:
        """Whether another one would be too many."""
        return len(self) >= self._most

    def make_room(self, places: int) -> bool:
        """End so many, unless some are ending. False where all are amid a request.

        A crowd that connects ends no more than a sixteenth of all at once, so that those who came last have their time
        for a handshake or a request.
        """
        if not self._going:
            for parting in [*islice(self._least_missed(), min(places, max(1, self._most // 16)))]:
                self.closed(parting)
                self._going.add(parting)
                parting.abort()
        return bool(self._going)

    def _least_missed(self) -> Iterator[Connection]:
        """The oldest handshakes beyond half of all places, then the longest silent that are idle, then the others.

        Were handshakes always the first, each newcomer would end the one before, and only the idle would stay; were
        they the last, whoever never ends one would drive out all others.
        """
        beyond = max(0, len(self._coming) - self._most // 2)
        yield from islice(self._coming, beyond)
        yield from (each for each in self._open if each.is_idle)
        yield from islice(self._coming, beyond, None)

    def accepted(self, connection: Connection) -> None:
        """Another one, that cannot be talked to before its handshake."""
        self._coming[connection] = None

    def opened(self, connection: Connection) -> None:
        """Its handshake is over."""
        if connection in self._coming:
            del self._coming[connection]
            self._open[connection] = None

    def heard(self, connection: Connection) -> None:
        """It has sent something."""
        if connection in self._open:
            self._open.move_to_end(connection)

    def closed(self, connection: Connection) -> None:
        """It is held no more."""
        self._coming.pop(connection, None)
        self._open.pop(connection, None)
        self._going.discard(connection)

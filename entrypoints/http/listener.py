"""Takes connections from the system's queue: as many as there is room for, and none for a moment without files."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import socket
from collections.abc import Callable

from entrypoints.http.connections import Connections

BACKLOG = 1024  # connections that wait in the system's queue
AT_ONCE = 64  # that are taken before others have their turn of the loop
PAUSE_SECONDS = 0.1  # until the next try where the system had no file for one
TELL_SECONDS = 60.0  # between two lines about that

_LOGS = logging.getLogger("persistence.listener")
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """The sockets of one address: several where a host's name stands for several.

    asyncio's own counts nobody before the end of a TLS handshake, and where files run out tries a thousand times in a
    row, with a line in the log for each.
    """

    def __init__(self, connections: Connections, taken: Callable[[socket.socket], None]) -> None:
        """``taken`` is given each connection that has room, amid a turn of the loop."""
        self._connections = connections
        self._taken = taken
        self._sockets: list[socket.socket] = []
        self._pause: asyncio.TimerHandle | None = None
        self._crowd = 1  # connections that may be waiting where there is no room: the more, the longer the queue
        self._told = -math.inf  # when the log was last told that files ran out

    async def bind(self, host: str, port: int) -> None:
        """Take the address; who connects is refused before ``listen``. Raises OSError, UnicodeError."""
        loop = asyncio.get_running_loop()
        bound = await loop.create_server(asyncio.Protocol, host, port, reuse_address=True, start_serving=False)
        self._sockets = [each.dup() for each in bound.sockets]
        bound.close()

    def listen(self) -> None:
        """Take connections from here on. Raises OSError."""
        for each in self._sockets:
            each.listen(BACKLOG)
        self._go_on()

    def close(self) -> None:
        """Take no more, and give the address back."""
        self._stand_still()
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    @property
    def port(self) -> int | None:
        """The port that is listened on; None where the address is not taken."""
        return int(self._sockets[0].getsockname()[1]) if self._sockets else None

    def _take(self, listening: socket.socket) -> None:
        """Called in each turn of the loop in which somebody waits, so also when the one that makes room has ended."""
        if not self._connections.is_full:
            self._let_in(listening)
        elif not self._connections.make_room(self._crowd) and (refused := self._accepted(listening)):
            refused.close()

    def _let_in(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if self._connections.is_full:
                self._crowd = min(2 * self._crowd, AT_ONCE)
                return
            if (accepted := self._accepted(listening)) is None:
                self._crowd = 1
                return
            self._taken(accepted)

    def _accepted(self, listening: socket.socket) -> socket.socket | None:
        """The next that waits; None for one that has left, and where the system has no file for it."""
        try:
            return listening.accept()[0]
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._wait(error)
            return None

    def _wait(self, error: OSError) -> None:
        """Where the system has no files, there is no room either; looking at once would find the same."""
        self._connections.make_room(1)
        self._stand_still()
        loop = asyncio.get_running_loop()
        self._pause = loop.call_later(PAUSE_SECONDS, self._go_on)
        if loop.time() - self._told >= TELL_SECONDS:
            self._told = loop.time()
            _LOGS.error("connections wait, since the system gives none: %s", error.strerror or error)

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.add_reader(each, self._take, each)

    def _stand_still(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)
        if self._pause is not None:
            self._pause.cancel()

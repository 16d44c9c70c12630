"""Sessions to one database of MySQL or MariaDB."""

from __future__ import annotations

import asyncio
import ssl

from adapters.mysql.connection import MysqlConnection
from adapters.mysql.product import Product
from adapters.mysql.session import Session
from adapters.sql.pool import PoolLimits, SessionPool
from adapters.sql.server import Server
from domain.errors import BackendUnavailable


class MysqlPool(SessionPool[MysqlConnection]):
    """A pool that knows which server it found."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None, limits: PoolLimits) -> None:
        super().__init__(f"MySQL at {server.place}", limits)
        self.product: Product | None = None  # known once a session was opened
        self._server = server
        self._tls = tls

    async def connect(self) -> MysqlConnection:
        """As the pool asks."""
        password = await asyncio.to_thread(self._server.secret)
        session = Session(self._server, password, self._tls)
        seconds = self._limits.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                await session.open()
        except TimeoutError as error:
            place = self._server.place
            raise BackendUnavailable(f"The server at {place} does not answer within {seconds:g} s.") from error
        self.product = session.product
        return MysqlConnection(session)

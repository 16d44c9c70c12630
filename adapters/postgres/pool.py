"""Sessions to one PostgreSQL database."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from adapters.postgres.connection import PostgresConnection
from adapters.postgres.sessions import opened, shared_sessions
from adapters.sql.pool import PoolLimits, SessionPool
from adapters.sql.server import Server


class PostgresPool(SessionPool[PostgresConnection]):
    """A pool that knows which server it found."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None, limits: PoolLimits) -> None:
        super().__init__(f"PostgreSQL at {server.place}", limits)
        self.server = server
        self.version = ""  # "15.6", known once a session was opened
        self._tls = tls

    async def connect(self) -> PostgresConnection:
        """As the pool asks."""
        driver = await opened(self.server, self._tls, self._limits.connect_seconds)
        self.version = driver.get_settings().server_version.split()[0]
        return PostgresConnection(driver)

    async def check(self, opened: Sequence[PostgresConnection]) -> None:
        """A pooler that lends one session to many loses what each was told: deadlines, and what was prepared."""
        processes = [await connection.process(self._limits.connect_seconds) for connection in opened]
        if len(set(processes)) < len(processes):
            raise shared_sessions(self.server)

"""Faults of the database server; the service has a worker process drain into it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from tests.torture.scene import Fault, Scene

ALL = ("mariadb", "mysql", "postgres")


class OnServer(Fault):
    """A fault of a database server."""

    stores: Sequence[str] = ALL

    async def tell(self, scene: Scene, mariadb: str, postgres: str) -> str:
        """What the server answers its superuser, each kind in its own words."""
        assert scene.server is not None
        assert scene.database is not None
        text = postgres if scene.store == "postgres" else mariadb
        statements = text.format(user=scene.database.user, name=scene.database.name).split(";")
        return await asyncio.to_thread(scene.server.execute, *statements)


class DatabaseKilled(OnServer):
    """The database server is killed by SIGKILL and started again."""

    name = "database-killed"
    short, full = 3, 200

    async def inject(self, scene: Scene) -> None:
        """Intake goes on meanwhile."""
        assert scene.server is not None
        await asyncio.to_thread(scene.server.kill)
        before = len(scene.ledger.receipts)
        async with asyncio.timeout(60):
            while len(scene.ledger.receipts) == before:
                await scene.workload.burst(scene.random, requests=1, size=20)  # the writers get stuck in reading
        await asyncio.sleep(scene.random.uniform(0, 0.5))
        await asyncio.to_thread(scene.server.start)


class DatabaseStopped(OnServer):
    """The database server is frozen as by SIGSTOP: its connections stay open and nothing answers."""

    name = "database-stopped"
    short, full = 1, 20

    async def inject(self, scene: Scene) -> None:
        """Freeze it, at times for longer than the service waits for a statement."""
        assert scene.server is not None
        await asyncio.to_thread(scene.server.pause)
        try:
            await asyncio.sleep(scene.random.choice((1.0, 5.0, 40.0)) if scene.workload.running else 1.0)
        finally:
            await asyncio.to_thread(scene.server.unpause)


class DatabaseReadOnly(OnServer):
    """The database takes no writes for a while, as during maintenance or a failover."""

    name = "database-read-only"
    short, full = 1, 30
    switch = (
        "SET GLOBAL read_only = {on}",
        "ALTER DATABASE {name} SET default_transaction_read_only = {on};"
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{user}'",
    )

    async def inject(self, scene: Scene) -> None:
        """Switch it on and off."""
        await self._switch(scene, "ON")
        try:
            await asyncio.sleep(scene.random.uniform(0.5, 3.0))
        finally:
            await self._switch(scene, "OFF")

    async def _switch(self, scene: Scene, on: str) -> None:
        await self.tell(scene, *(text.replace("{on}", on) for text in self.switch))


class SessionsKilled(OnServer):
    """An administrator, or a proxy, kills the service's sessions again and again."""

    name = "sessions-killed"
    short, full = 1, 30

    async def inject(self, scene: Scene) -> None:
        """For a second or three."""
        end = time.monotonic() + scene.random.uniform(1.0, 3.0)
        while time.monotonic() < end:
            await kill_sessions(self, scene)


class TooManyConnections(OnServer):
    """The server lets the service have no session more."""

    name = "no-sessions"
    short, full = 1, 30

    async def inject(self, scene: Scene) -> None:
        """Bound their number (MySQL knows no bound below one), and end those that there are."""
        bound = "ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS "
        await self.tell(scene, f"{bound} 1", "ALTER ROLE {user} CONNECTION LIMIT 0")
        try:
            await kill_sessions(self, scene)
            await asyncio.sleep(scene.random.uniform(0.5, 3.0))
        finally:
            await self.tell(scene, f"{bound} 0", "ALTER ROLE {user} CONNECTION LIMIT -1")


class RowsLocked(OnServer):
    """Another session holds every row locked for a while."""

    name = "rows-locked"
    short, full = 1, 20

    async def inject(self, scene: Scene) -> None:
        """Lock them in a transaction that does nothing else."""
        seconds = scene.random.uniform(1.0, 8.0)
        mariadb = f"USE {{name}};BEGIN;SELECT count(*) FROM translation_tasks FOR UPDATE;DO SLEEP({seconds});ROLLBACK"
        postgres = f"\\c {{name}};BEGIN;LOCK TABLE translation_tasks IN SHARE MODE;SELECT pg_sleep({seconds});ROLLBACK"
        await self.tell(scene, mariadb, postgres)


class DatabaseFull(OnServer):
    """The database's disk is full for a while."""

    name = "database-full"
    short, full = 1, 20
    disk_bytes = 640 << 20

    async def inject(self, scene: Scene) -> None:
        """Fill it with something else, and take that away again; a server that has ended over it is started."""
        assert scene.server is not None
        assert scene.disk is not None
        with scene.disk.filled():
            for _ in range(3):
                await scene.workload.burst(scene.random)
            await asyncio.sleep(scene.random.uniform(1.0, 5.0))
        await asyncio.to_thread(scene.server.start)


async def kill_sessions(fault: OnServer, scene: Scene) -> None:
    """End every session of the service's user, as the server's superuser."""
    mariadb = "SELECT id FROM information_schema.processlist WHERE user = '{user}'"
    postgres = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{user}'"
    told = await fault.tell(scene, mariadb, postgres)
    if scene.store != "postgres":
        kills = [f"KILL {number}" for number in told.split()]
        for kill in kills:
            try:
                await asyncio.to_thread(scene.server.execute, kill)  # type: ignore[union-attr]
            except RuntimeError as error:  # it has ended by itself
                if "Unknown thread id" not in str(error):
                    raise


ROWS = [
    row
    for fault in (
        *(DatabaseKilled(), DatabaseStopped(), DatabaseReadOnly(), SessionsKilled(), TooManyConnections()),
        *(RowsLocked(), DatabaseFull()),
    )
    for row in fault.rows()
]

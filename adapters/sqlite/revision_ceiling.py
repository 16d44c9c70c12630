"""The bound of the revisions, and the number of this instance, in ``state.db``."""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path

from adapters.sqlite.connections import transaction
from adapters.sqlite.database import Database
from domain.model.revisions import INSTANCES, SALTS
from ports.revision_ceiling import Reservation

_READ = "SELECT instance, folder, ceiling_tick, salt FROM revision_ceiling"
_INSERT = "INSERT INTO revision_ceiling (one, instance, folder, ceiling_tick, salt) VALUES (1, ?, ?, 0, 0)"
_RENUMBER = "UPDATE revision_ceiling SET instance = ?, folder = ?"
_SALT = "UPDATE revision_ceiling SET salt = ? WHERE salt = 0"
_RESERVE = "UPDATE revision_ceiling SET ceiling_tick = ? WHERE ceiling_tick < ?"
_MACHINE = Path("/etc/machine-id")


class SqliteRevisionCeiling:
    """One row. The instance number is drawn at the first start and belongs to the folder on this very disk."""

    def __init__(self, state: Database) -> None:
        self._state = state

    async def load(self) -> Reservation:
        """As the port says."""
        return await self._state.run(self._load)

    async def reserve(self, ceiling_tick: int) -> bool:
        """As the port says."""
        await self._state.run(lambda connection: connection.execute(_RESERVE, (ceiling_tick, ceiling_tick)).rowcount)
        return True

    def _load(self, connection: sqlite3.Connection) -> Reservation:
        folder = folder_identity(self._state.path)
        with transaction(connection):
            row = connection.execute(_READ).fetchone()
            if row is None:
                connection.execute(_INSERT, (_draw(), folder))
            elif row[1] != folder:
                connection.execute(_RENUMBER, (_draw(other_than=row[0]), folder))
            connection.execute(_SALT, (1 + secrets.randbelow(SALTS - 1),))
            instance, _, ceiling_tick, salt = connection.execute(_READ).fetchone()
        return Reservation(instance, ceiling_tick, salt)


def folder_identity(state_file: Path) -> str:
    """A text that a copy does not share: the machine, the file system, and the inodes of the folder and the file.

    Not the device number or the host's name: these change when nothing was copied (a reboot, a new container).
    """
    machine = _MACHINE.read_text().strip() if _MACHINE.is_file() else ""
    file_system = os.statvfs(state_file).f_fsid
    return f"{machine}:{file_system:x}:{state_file.parent.stat().st_ino:x}:{state_file.stat().st_ino:x}"


def _draw(other_than: int = 0) -> int:
    """A number from 1 to 1023."""
    return secrets.choice([number for number in range(1, INSTANCES) if number != other_than])

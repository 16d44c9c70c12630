"""The ledger of applied migrations: what it must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.errors import StartFailure
from sql import Migration


class Note(NamedTuple):
    """One line of a database's ledger."""

    name: str
    checksum: str
    applied: bool = True


def check_order(steps: Sequence[Migration], notes: Sequence[Note]) -> None:
    """Raises StartFailure where a database was migrated by a newer release, or by files that were changed since."""
    if len(notes) > len(steps):
        newest = notes[-1].name
        raise StartFailure(f"The database is newer than this release: it has {newest}. Start the newer release.")
    for step, note in zip(steps, notes, strict=False):
        if (step.name, step.checksum) != (note.name, note.checksum):
            raise StartFailure(
                f"The database was migrated with another {note.name}: this release has {step.name}, "
                f"{step.checksum[:12]}, the database {note.checksum[:12]}. Restore the released file."
            )

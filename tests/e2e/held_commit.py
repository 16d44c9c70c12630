"""The real service, but for one thing: while the file ``hold`` lies in the current folder, a stored batch stays
between its commit in the database and its watermark in the journal, which the file ``held`` then tells.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from adapters.journal.write_buffer import LocalJournal
from entrypoints.cli.app import run

HOLD, HELD = Path("hold"), Path("held")

_commit = LocalJournal.commit


def _held(what: str) -> bool:
    if HOLD.exists():
        HELD.write_text(what)
    return HOLD.exists()


async def _hold_or_commit(journal: LocalJournal, lane: str, partition: int, reader: str, through: int) -> None:
    if _held(f"{lane} through {through}"):
        await asyncio.Event().wait()
    await _commit(journal, lane, partition, reader, through)


if __name__ == "__main__":
    LocalJournal.commit = _hold_or_commit  # type: ignore[method-assign]  # the one thing
    sys.exit(run(["serve", *sys.argv[1:]]))

"""The real service, but for one thing: while the file ``hold`` lies in the current folder, a stored batch stays
between its commit in the database and its watermark in the journal, and while ``hold-before`` does, before its commit;
the file ``held`` then tells. With ``--by-worker`` it is a worker process that stores.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from adapters.journal.write_buffer import LocalJournal
from adapters.sqlite.backend import SqliteBackend
from entrypoints.cli.app import run
from tests.e2e.drained_by_worker import drain_by_worker

HOLD, HOLD_BEFORE, HELD = Path("hold"), Path("hold-before"), Path("held")

_commit, _write = LocalJournal.commit, SqliteBackend.write


def _held(by: Path, what: str) -> bool:
    if by.exists():
        HELD.write_text(what)
    return by.exists()


async def _hold_or_write(backend: SqliteBackend, collection: Any, records: Any, **options: Any) -> Any:
    if _held(HOLD_BEFORE, f"{len(records)} of {collection.name}"):
        await asyncio.Event().wait()
    return await _write(backend, collection, records, **options)


async def _hold_or_commit(journal: LocalJournal, lane: str, partition: int, reader: str, through: int) -> None:
    if _held(HOLD, f"{lane} through {through}"):
        await asyncio.Event().wait()
    await _commit(journal, lane, partition, reader, through)


if __name__ == "__main__":
    SqliteBackend.write = _hold_or_write  # type: ignore[method-assign]  # and its like, before
    LocalJournal.commit = _hold_or_commit  # type: ignore[method-assign]  # the one thing
    if "--by-worker" in sys.argv:
        sys.argv.remove("--by-worker")
        drain_by_worker()
    sys.exit(run(["serve", *sys.argv[1:]]))

"""What the tests of the examples share: an example run to its end, real work to do, and a busy database."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.e2e.api import Api, Json
from tests.e2e.samples import real_records
from tests.e2e.service import REPOSITORY, Service, environment

EXAMPLES = REPOSITORY / "ops" / "examples"

Ended = subprocess.CompletedProcess[str]


def run(*arguments: str | Path, folder: Path | None = None, **more: str) -> Ended:
    """A command and what it said; ``more``: variables of its environment."""
    return subprocess.run(
        list(map(str, arguments)), cwd=folder, env=environment(more), capture_output=True, text=True, timeout=300
    )


async def example(name: str, *arguments: str) -> Ended:
    """An example run to its end, as a person would."""
    return await asyncio.to_thread(run, EXAMPLES / name, *arguments)


async def unfinished_work(api: Api, *, flush: bool = True) -> dict[str, Json]:
    """Sends some real sessions that were interrupted; returns their unfinished tasks by key."""
    missing = Counter(task["session_id"] for task in real_records("tasks") if task["status"] != "completed")
    sessions = [session for session in real_records("sessions") if 45 <= missing[session["session_id"]] < 100]
    chosen = {session["session_id"] for session in sessions}
    tasks = [task for task in real_records("tasks") if task["session_id"] in chosen]
    assert (await api.post_batch("sessions", sessions)).status == 202
    assert (await api.post_batch("tasks", tasks)).status == 202
    if flush:
        await api.flush()
    return {task["task_id"]: task for task in tasks if task["status"] != "completed"}


@contextmanager
def locked_database(service: Service) -> Iterator[None]:
    """Somebody else holds the database's write lock: nothing can be flushed."""
    with closing(sqlite3.connect(service.data_dir / "persistence.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield

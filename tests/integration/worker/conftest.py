"""A whole service but for its HTTP door, whose SQLite is drained by a real worker process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.memory.backend_type import MEMORY, MemorySettings
from adapters.sqlite.backend_type import SQLITE, SqliteSettings
from domain.model.collections import Collection
from domain.model.observations import Observation, WorkerStarted
from domain.model.policies import BufferPolicy
from domain.model.translation import TASKS
from domain.services.remote_lane import RemoteLane
from entrypoints.container import Container
from entrypoints.sections import CollectionSettings, ConfiguredBackend
from entrypoints.settings import Settings
from entrypoints.worker.supervisor import Supervisor

BY_WORKER = msgspec.structs.replace(SQLITE, drain="process")
SECONDS = 30.0  # far above what anything here takes; only a hang comes near


class House:
    """The container of a service, what it has observed, and the processes it started."""

    def __init__(
        self, folder: Path, *, inline: tuple[str, ...] = (), linger_seconds: float = 0.02, **supervision: Any
    ) -> None:
        """``inline``: collections kept in memory, in this process; ``supervision``: options of the supervisor."""
        self.seen: list[Observation] = []
        self.database = folder / "persistence.db"
        settings = Settings(
            data_dir=str(folder),
            buffer=BufferPolicy(linger_seconds=linger_seconds, max_age_seconds=3600, read_deadline_seconds=SECONDS),
            backends={
                "main": ConfiguredBackend("sqlite", BY_WORKER, SqliteSettings()),
                "trial": ConfiguredBackend("memory", MEMORY, MemorySettings()),
            },
            collections={name: CollectionSettings(backend="trial") for name in inline},
        )
        self.container = Container(settings=settings, logs=self.seen.append)
        for option, value in supervision.items():
            setattr(self.worker(), f"_{option}", value)

    def worker(self) -> Supervisor:
        """The supervisor of the worker that the start asks for."""
        lanes = self.container.drains().chosen()
        return next(lane._worker for lane in lanes if isinstance(lane, RemoteLane))

    async def post(self, *records: dict[str, object], collection: Collection = TASKS) -> str:
        """Accept records and return their receipt."""
        accepted = await self.container.buffer().accept(collection, json.dumps(records).encode())
        return str(accepted.receipt)

    async def flush(self, seconds: float = SECONDS) -> None:
        await self.container.flush().flush(self.container.collections(), seconds)

    def stored(self, table: str = "translation_tasks") -> int:
        """Rows in the database file, seen from outside."""
        connection = sqlite3.connect(self.database)
        try:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        finally:
            connection.close()

    def observed(self, kind: type) -> list[Any]:
        return [seen for seen in self.seen if isinstance(seen, kind)]

    async def pid(self, number: int = 1) -> int:
        """The process id of the n-th worker, once it drains."""
        await until(lambda: len(self.observed(WorkerStarted)) >= number)
        return int(self.observed(WorkerStarted)[number - 1].pid)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "data")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110  (of another process, too)
            await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)

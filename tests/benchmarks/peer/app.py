"""FastAPI and Pydantic in front, a list in memory as the buffer, aiosqlite behind it; 202 as soon as a batch is valid.

One worker process: the list cannot be shared. The endpoint, its envelope and its fields are the service's own.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import aiosqlite
from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FLUSH_SECONDS = 0.1
FLUSH_ROWS = 1000
Identifier = Annotated[str, Field(min_length=1, max_length=64)]

SCHEMA = """
CREATE TABLE IF NOT EXISTS translation_tasks (
    task_id TEXT PRIMARY KEY, session_id TEXT NOT NULL, batch_id TEXT, status TEXT NOT NULL,
    source_text TEXT NOT NULL, translated_text TEXT, source_lang TEXT NOT NULL, target_lang TEXT NOT NULL,
    priority INTEGER NOT NULL, retry_count INTEGER NOT NULL, error_message TEXT, metadata TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tasks_session_status ON translation_tasks (session_id, status);
CREATE INDEX IF NOT EXISTS tasks_batch ON translation_tasks (batch_id);
CREATE INDEX IF NOT EXISTS tasks_status_updated ON translation_tasks (status, updated_at);
"""
UPSERT = """
INSERT INTO translation_tasks VALUES (
    :task_id, :session_id, :batch_id, :status, :source_text, :translated_text, :source_lang, :target_lang,
    :priority, :retry_count, :error_message, :metadata, :created_at, :updated_at
) ON CONFLICT (task_id) DO UPDATE SET
    session_id = excluded.session_id, batch_id = excluded.batch_id, status = excluded.status,
    source_text = excluded.source_text, translated_text = excluded.translated_text,
    source_lang = excluded.source_lang, target_lang = excluded.target_lang, priority = excluded.priority,
    retry_count = excluded.retry_count, error_message = excluded.error_message, metadata = excluded.metadata,
    updated_at = excluded.updated_at
"""
log = logging.getLogger(__name__)


def now() -> datetime:
    """The time of acceptance."""
    return datetime.now(UTC)


class Task(BaseModel):
    """A translation task."""

    model_config = ConfigDict(extra="forbid")

    task_id: Identifier
    session_id: Identifier
    batch_id: Identifier | None = None
    status: Literal["pending", "processing", "completed", "failed"]
    source_text: str
    translated_text: str | None = None
    source_lang: str
    target_lang: str
    priority: int = 0
    retry_count: int = Field(default=0, ge=0)
    error_message: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: AwareDatetime = Field(default_factory=now)
    updated_at: AwareDatetime = Field(default_factory=now)

    def row(self) -> dict[str, Any]:
        """The values of its row."""
        return self.model_dump() | {
            "metadata": json.dumps(self.metadata, ensure_ascii=False),
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


class Batch(BaseModel):
    """The body of a request."""

    tasks: list[Task] = Field(min_length=1, max_length=10_000)


class Buffer:
    """Tasks that wait for the flusher, which writes every 100 ms, or as soon as 1000 wait."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self.tasks: list[Task] = []
        self._database = database
        self._full = asyncio.Event()

    def add(self, tasks: list[Task]) -> None:
        """Take a batch."""
        self.tasks.extend(tasks)
        if len(self.tasks) >= FLUSH_ROWS:
            self._full.set()

    async def run(self) -> None:
        """Flush for ever; what a locked or full database refuses is tried again."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), FLUSH_SECONDS)
            self._full.clear()
            try:
                await self.flush()
            except aiosqlite.Error:
                log.exception("flush failed, %d tasks wait", len(self.tasks))

    async def flush(self) -> None:
        """Write everything that waits, 1000 rows a transaction."""
        while self.tasks:
            batch = self.tasks[:FLUSH_ROWS]
            await self._database.executemany(UPSERT, [task.row() for task in batch])
            await self._database.commit()
            del self.tasks[: len(batch)]


def create_app(path: Path) -> FastAPI:
    """The application on a database file."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiosqlite.connect(path) as database:
            await database.execute("PRAGMA journal_mode=WAL")  # synchronous stays at SQLite's default, FULL
            await database.executescript(SCHEMA)
            app.state.buffer = buffer = Buffer(database)
            flusher = asyncio.create_task(buffer.run())
            yield
            flusher.cancel()
            with suppress(asyncio.CancelledError):
                await flusher
            await buffer.flush()

    app = FastAPI(lifespan=lifespan)

    @app.post("/api/v1/translation/tasks/batch", status_code=202)
    async def accept(batch: Batch) -> dict[str, str | int]:
        app.state.buffer.add(batch.tasks)
        return {"status": "accepted", "count": len(batch.tasks)}

    @app.get("/buffered")
    async def buffered() -> int:
        return len(app.state.buffer.tasks)

    return app

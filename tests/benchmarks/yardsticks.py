"""What the figures are held against: servers that do nothing, a disk that only syncs, a script that only stores."""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

ANSWER = b'{"status":"accepted","count":100,"receipt":"1.translation_tasks.1.1-100","ack":"journaled"}'


async def _answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, body=ANSWER, content_type="application/json")


async def serve_nothing(port: int) -> None:
    """An aiohttp handler that reads the body and answers 202."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/{path:.*}", _answer)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


class _Floor(asyncio.Protocol):
    """Counts bytes and answers: the least that any server can do, to show what the generator itself costs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._missing = 0

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            head, _, body = data.partition(b"\r\n\r\n")
            self._missing = int(head.split(b"Content-Length: ")[1]) - len(body)
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            self._missing = 0
            head = f"HTTP/1.1 202 Accepted\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
            self._transport.write(head.encode() + ANSWER)


async def serve_floor(port: int) -> None:
    """The floor, serving."""
    server = await asyncio.get_running_loop().create_server(_Floor, "127.0.0.1", port)
    await server.serve_forever()


def synced_writes(folder: Path, bodies: Sequence[bytes], writers: int) -> list[float]:
    """Seconds, sorted, of write + fdatasync of each body into preallocated files by so many threads."""
    latencies: list[float] = []
    todo = list(bodies)

    def write(number: int) -> None:
        file = os.open(folder / f"bare-{number}", os.O_RDWR | os.O_CREAT, 0o600)
        os.posix_fallocate(file, 0, 64 << 20)
        os.fsync(file)
        offset = 0
        while todo:
            try:
                body = todo.pop()
            except IndexError:
                break
            begun = time.perf_counter()
            os.pwrite(file, body, offset)
            os.fdatasync(file)
            latencies.append(time.perf_counter() - begun)
            offset = (offset + len(body)) % (48 << 20)
        os.close(file)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(latencies)


class Task(msgspec.Struct):
    """A task as a script would declare it."""

    task_id: str
    session_id: str
    status: str
    source_text: str
    source_lang: str
    target_lang: str
    created_at: datetime
    updated_at: datetime
    batch_id: str | None = None
    translated_text: str | None = None
    priority: int = 0
    retry_count: int = 0
    error_message: str | None = None
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


def bare_drain(database: Path, schema: str, statement: str, lines: Sequence[bytes]) -> float:
    """Seconds that a plain script needs to decode NDJSON and store it by the same guarded upsert, 1000 rows a time."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(schema)
    begun = time.perf_counter()
    for rows in rows_of(lines):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds


def rows_of(lines: Sequence[bytes], size: int = 1000) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of NDJSON as a plain script decodes them, so many at a time."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    decode = msgspec.json.Decoder(Task).decode
    for start in range(0, len(lines), size):
        rows = []
        for number, line in enumerate(lines[start : start + size], start):
            t = decode(line)
            created, updated = ((moment - epoch) for moment in (t.created_at, t.updated_at))
            rows.append(
                (
                    t.task_id,
                    t.session_id,
                    t.batch_id,
                    t.status,
                    t.source_text,
                    t.translated_text,
                    t.source_lang,
                    t.target_lang,
                    t.priority,
                    t.retry_count,
                    t.error_message,
                    bytes(t.metadata).decode(),
                    (created.days * 86_400 + created.seconds) * 1_000_000 + created.microseconds,
                    (updated.days * 86_400 + updated.seconds) * 1_000_000 + updated.microseconds,
                    number,
                    None,
                )
            )
        yield rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.yardsticks")
    parser.add_argument("kind", choices=("nothing", "floor"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", help="taken like every server's, and left alone")
    options = parser.parse_args()
    asyncio.run({"nothing": serve_nothing, "floor": serve_floor}[options.kind](options.port))

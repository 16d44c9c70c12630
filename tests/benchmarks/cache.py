"""What a session's details cost with and without the cache of the process, on the embedded default.

    python -m tests.benchmarks.cache --tasks 10000

Asks the services directly: what HTTP adds is the same on both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time

import msgspec

from domain.model.translation import SESSIONS, TASKS
from domain.services.caching import Lookup
from entrypoints.container import Container
from entrypoints.lifespan import running
from entrypoints.settings import load_settings

ROUNDS = 2000
SESSION_TASKS = (0, 10, 1000)  # of the sessions that are asked for


async def measure(tasks: int) -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as folder:
        container = Container(settings=load_settings(environ={}, flags={"data_dir": folder}))
        container.observer.override(lambda _: None)
        async with running(container):
            await fill(container, tasks)
            print("| session with | from SQLite, µs (p50, p99) | from the cache, µs (p50, p99) |\n|---|---|---|")
            for count in SESSION_TASKS:
                key = f"s{count}"
                figures = [await timed(container, key, fresh=fresh) for fresh in (True, False)]
                cells = [f"{p50:,.0f}, {p99:,.0f}" for p50, p99 in figures]
                print(f"| {count} tasks | {' | '.join(cells)} |")


async def fill(container: Container, tasks: int) -> None:
    """Three sessions with some tasks each, among many others."""
    languages = {"source_lang": "en", "target_lang": "de", "status": "pending"}
    sessions = [{"session_id": f"s{count}", **languages} for count in SESSION_TASKS]
    owners = [f"s{count}" for count in SESSION_TASKS for _ in range(count)]
    owners += [f"other{number % 100}" for number in range(tasks)]
    records = [
        {"task_id": f"t{number}", "session_id": owner, "source_text": "Hello", **languages}
        for number, owner in enumerate(owners)
    ]
    await container.buffer().accept(SESSIONS, msgspec.json.encode(sessions))
    for begin in range(0, len(records), 5000):
        await container.buffer().accept(TASKS, msgspec.json.encode(records[begin : begin + 5000]))
    await container.flush().flush([SESSIONS, TASKS], 600)


async def timed(container: Container, key: str, *, fresh: bool) -> tuple[float, float]:
    """Microseconds of one look at a session's details: median and 99th percentile."""
    query, found = container.query(), []
    for _ in range(ROUNDS):
        lookup = Lookup(fresh=fresh)
        begun = time.perf_counter()
        await query.get(SESSIONS, key, lookup)
        await query.progress(key, lookup)
        found.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(found), statistics.quantiles(found, n=100)[98]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000, help="of other sessions")
    asyncio.run(measure(parser.parse_args().tasks))

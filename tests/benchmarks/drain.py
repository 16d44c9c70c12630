"""The drain: the real flush engine from a real journal into SQLite, and the bare script beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec

from adapters.sql.statements import guarded_upsert
from adapters.sqlite.dialect import SQLITE
from domain.model.policies import BufferPolicy
from domain.model.translation import TASKS
from entrypoints.container import Container
from entrypoints.lifespan import running
from entrypoints.sections import LogSettings
from entrypoints.settings import Settings
from tests.benchmarks import bodies
from tests.benchmarks.plan import Plan
from tests.benchmarks.results import Drain
from tests.benchmarks.yardsticks import bare_drain

NEVER = 3600.0  # seconds
_POLICY = BufferPolicy(max_bytes=1 << 34, linger_seconds=NEVER, max_age_seconds=NEVER)


def drains(plan: Plan, folder: Path) -> Iterator[Drain]:
    """The script and the engine in turn, on the same records."""
    for repeat in range(plan.repeats):
        lines = list(bodies.tasks(plan.drained, f"d{repeat}"))
        place = folder / str(repeat)
        place.mkdir(parents=True)
        script = bare(place, lines)
        ours = asyncio.run(engine(Settings(data_dir=str(place / "data")), lines))
        yield Drain(backend="SQLite", bare=plan.drained / script, engine=plan.drained / ours)


def bare(folder: Path, lines: Sequence[bytes]) -> float:
    """Seconds of the script."""
    schema = files("sql").joinpath("sqlite", "schema.sql").read_text()
    return bare_drain(folder / "bare.db", schema, guarded_upsert(TASKS, SQLITE), lines)


async def engine(settings: Settings, lines: Sequence[bytes]) -> float:
    """Seconds from the first batch to the last watermark, with everything in the journal before."""
    patient = msgspec.structs.replace(settings, buffer=_POLICY, log=LogSettings(level="error"))
    container = Container(settings=patient)
    buffer, flush = container.buffer(), container.flush()
    async with running(container):
        await flush.stop(0)  # nothing drains while the journal is filled
        for start in range(0, len(lines), 1000):
            await buffer.accept(TASKS, b"[" + b",".join(lines[start : start + 1000]) + b"]")
        await flush.start()
        begun = time.perf_counter()
        await flush.flush([TASKS], NEVER)
        return time.perf_counter() - begun

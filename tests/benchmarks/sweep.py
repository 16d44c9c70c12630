"""Latency and throughput of every server under every load."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import bodies, load, servers, yardsticks
from tests.benchmarks.plan import Plan
from tests.benchmarks.results import SYNC, Point, Run

PROGRAMS = (servers.FLOOR, servers.NOTHING, servers.SERVICE, servers.HELD, servers.PEER)
WARM_UP = 50  # requests, or
WARM_UP_RECORDS = 5_000


def sweep(plan: Plan, folder: Path, say: Callable[[str], None]) -> Iterator[Run]:
    """Each load, each repeat, each server, in turn; every server starts anew on an empty folder."""
    for point in plan.points:
        for repeat in range(plan.repeats):
            say(f"{point.connections} connections, {point.size} records a request, {repeat + 1} of {plan.repeats}")
            run = f"s{point.connections}-{point.size}-{repeat}"
            texts = bodies.batches(plan.requests_of(point), run, point.size)
            place = folder / run
            place.mkdir(parents=True)
            yield _synced(place, texts, point)
            for number, program in enumerate(PROGRAMS):
                yield measure(program, place / str(number), texts, point)


def measure(program: servers.Program, folder: Path, texts: list[bytes], point: Point) -> Run:
    """One timed run, behind a short one that warms up."""
    warm = bodies.batches(min(WARM_UP, WARM_UP_RECORDS // point.size), "warm", point.size)
    with servers.running(program, folder) as server:
        asyncio.run(load.run(server.port, servers.PATH, warm, point.connections))
        server.settle()
        begun = time.perf_counter()
        found = asyncio.run(load.run(server.port, servers.PATH, texts, point.connections))
        server.settle()
        seconds = time.perf_counter() - begun
    return Run(
        server=program.name,
        point=point,
        accepted=found.per_second * point.size,
        p50=found.percentile(0.5),
        p99=found.percentile(0.99),
        stored=len(found.acknowledged) * point.size / seconds if program.has_stored_all else None,
        refused=found.refused,
    )


def _synced(folder: Path, texts: list[bytes], point: Point) -> Run:
    latencies = yardsticks.synced_writes(folder, texts, point.connections)
    found = load.Load(
        seconds=sum(latencies) / point.connections,  # files are made ready in between
        latencies=latencies,
        acknowledged=list(range(len(latencies))),
        refused=0,
    )
    return Run(
        server=SYNC,
        point=point,
        accepted=found.per_second * point.size,
        p50=found.percentile(0.5),
        p99=found.percentile(0.99),
    )

"""What a run of the benchmarks found, as values: ``measurements.json`` holds them, page and curves are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import median

import msgspec

SYNC = "write + fdatasync"  # the yardstick that is no server


class Point(msgspec.Struct, frozen=True):
    """A load: how many connections send one request after another, and how many records each request has."""

    connections: int
    size: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran."""

    system: str
    processor: str
    cores: int
    memory_gib: float
    filesystem: str  # type of the one that was written to
    sync_ms: float  # median of write + fdatasync of 4 KiB on it
    busy: float  # load average of the minute before the run
    versions: dict[str, str]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One server under one load. Rates in records a second, latencies in milliseconds."""

    server: str
    point: Point
    accepted: float
    p50: float
    p99: float
    stored: float | None = None  # from the first request until the last acknowledged record is in the database
    refused: int = 0  # requests


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """Records a second into a backend: a bare script, and the flush engine on the same records."""

    backend: str
    bare: float
    engine: float


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """Resident memory of a server, in MiB, after so many records."""

    server: str
    records: int
    mib: float
    is_held: bool = False  # nothing could be stored: another process held the database's write lock
    is_full: bool = False  # a request was refused here


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """What a server had acknowledged when it was killed with -9, and what of it was stored after a restart."""

    server: str
    acknowledged: int
    found: int

    @property
    def lost(self) -> int:
        """Acknowledged records that are gone."""
        return self.acknowledged - self.found


class Results(msgspec.Struct, kw_only=True):
    """Everything of one run."""

    begun: datetime
    machine: Machine
    is_quick: bool = False  # too short for its figures to mean anything
    seconds: float = 0.0
    repeats: int = 1
    buffer_mib: int = 256  # what the service may hold in memory while nothing can be stored
    runs: list[Run] = []
    drains: list[Drain] = []
    footprints: list[Footprint] = []
    kills: list[Kill] = []


def medians(runs: Iterable[Run]) -> list[Run]:
    """One run for each server and load, every figure the median of its repeats; in the order they came."""
    groups: dict[tuple[str, Point], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.server, run.point), []).append(run)
    return [_median(group) for group in groups.values()]


def _median(runs: Sequence[Run]) -> Run:
    stored = [run.stored for run in runs if run.stored is not None]
    return Run(
        server=runs[0].server,
        point=runs[0].point,
        accepted=median(run.accepted for run in runs),
        p50=median(run.p50 for run in runs),
        p99=median(run.p99 for run in runs),
        stored=median(stored) if stored else None,
        refused=sum(run.refused for run in runs),
    )


def at(runs: Iterable[Run], *, connections: int | None = None, size: int | None = None) -> dict[str, list[Run]]:
    """The runs of each server along one axis: those with so many connections, or of that size."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if connections in (None, run.point.connections) and size in (None, run.point.size):
            found.setdefault(run.server, []).append(run)
    return {
        name: sorted(along, key=lambda run: (run.point.connections, run.point.size)) for name, along in found.items()
    }

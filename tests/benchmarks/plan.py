"""How much is measured."""

from __future__ import annotations

import msgspec

from tests.benchmarks.bodies import BATCH
from tests.benchmarks.results import Point

CONNECTIONS = 16  # where nothing else is said


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes of a run."""

    repeats: int = 3  # of which the median is told
    connections: tuple[int, ...] = (1, 4, 16, 64)  # loads, with requests of 100 records
    sizes: tuple[int, ...] = (1, 10, 100, 1000)  # records a request, over 16 connections
    records: int = 80_000  # that each load sends; fewer where it would take more requests than this
    requests: int = 4_000
    drained: int = 100_000  # records
    passed: int = 1_500_000  # records, for memory: the growth is between the first and the last third
    passed_by_peer: int = 200_000
    step: int = 50_000  # records between two looks at the memory
    held: int = 350_000  # records sent at most while nothing can be stored
    buffer_mib: int = 256
    kills: tuple[int, ...] = (20_000, 50_000, 100_000)  # acknowledged records

    @property
    def points(self) -> list[Point]:
        """The loads: along the connections, then along the sizes; none twice."""
        along = [Point(connections, BATCH) for connections in self.connections]
        return list(dict.fromkeys([*along, *(Point(CONNECTIONS, size) for size in self.sizes)]))

    def requests_of(self, point: Point) -> int:
        """How many requests a load has."""
        return max(point.connections, min(self.requests, self.records // point.size))


FULL = Plan()
QUICK = Plan(
    repeats=1,
    connections=(1, 16),
    sizes=(10, 100),
    records=1_000,
    drained=2_000,
    passed=4_000,
    passed_by_peer=2_000,
    step=1_000,
    held=8_000,
    buffer_mib=3,
    kills=(1_000,),
)

"""What the figures say: each aim beside what was reached, and everything that falls short of an aim or of the peer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import msgspec

from tests.benchmarks.bodies import BATCH
from tests.benchmarks.plan import CONNECTIONS
from tests.benchmarks.results import SYNC, Footprint, Results, Run, at, medians
from tests.benchmarks.servers import NOTHING, PEER, SERVICE

SYNC_FACTOR = 2.0  # durability may cost so many bare write + fdatasync of the same bytes
DRAIN_RATIO = 0.8  # of a bare script
GROWTH_MIB = 1.0  # for a million records that passed
HEADROOM_MIB = 150  # above the buffer's bound


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """An aim of the product, and how this run compares."""

    what: str
    aim: str
    found: str
    is_met: bool


def aims(results: Results) -> list[Aim]:
    """Every aim that the run can judge."""
    return [*_of_losses(results), *_of_latency(results), *_of_drain(results), *_of_memory(results)]


def _of_losses(results: Results) -> Iterator[Aim]:
    killed = [kill for kill in results.kills if kill.server == SERVICE.name]
    if killed:
        lost, acknowledged = sum(kill.lost for kill in killed), sum(kill.acknowledged for kill in killed)
        what, found = f"records lost in {len(killed)} kill -9", f"{lost:,} of {acknowledged:,} acknowledged"
        yield Aim(what=what, aim="0", found=found, is_met=lost == 0)


def _of_latency(results: Results) -> Iterator[Aim]:
    along = at(medians(results.runs), size=BATCH)
    for ours, nothing, synced in zip(
        *(along.get(name, []) for name in (SERVICE.name, NOTHING.name, SYNC)), strict=False
    ):
        cost, allowed = ours.p50 - nothing.p50, SYNC_FACTOR * synced.p50
        connections = ours.point.connections
        yield Aim(
            what=f"p50 above the no-op handler's, {connections} connection{'s' * (connections > 1)}",
            aim=f"at most 2x bare write + fdatasync: {allowed:.2f} ms",
            found=f"{cost:.2f} ms ({2 * cost / allowed:.1f}x)",
            is_met=cost <= allowed,
        )


def _of_drain(results: Results) -> Iterator[Aim]:
    for backend in dict.fromkeys(drain.backend for drain in results.drains):
        ratio = median(drain.engine / drain.bare for drain in results.drains if drain.backend == backend)
        what, aim = f"drain into {backend}", f"at least {DRAIN_RATIO} of a bare script"
        yield Aim(what=what, aim=aim, found=f"{ratio:.2f}", is_met=ratio >= DRAIN_RATIO)


def _of_memory(results: Results) -> Iterator[Aim]:
    ours = [look for look in results.footprints if look.server == SERVICE.name]
    growth = growth_per_million([look for look in ours if not look.is_held])
    if growth is not None:
        what, aim = "growth of memory with the records that passed", f"at most {GROWTH_MIB:g} MiB a million"
        yield Aim(what=what, aim=aim, found=f"{growth:.1f} MiB a million", is_met=growth <= GROWTH_MIB)
    held = [look.mib for look in ours if look.is_held]
    if held:
        bound = results.buffer_mib + HEADROOM_MIB
        found = f"{max(held):.0f} MiB"
        yield Aim(what="memory with a full buffer", aim=f"under {bound} MiB", found=found, is_met=max(held) < bound)


def growth_per_million(passing: Sequence[Footprint]) -> float | None:
    """MiB between the highest looks of the first and of the last third, for each million records between the two."""
    looks = [look for look in passing if look.records]
    third = len(looks) // 3
    if not third:
        return None
    between = looks[-1].records - looks[third - 1].records
    return (max(look.mib for look in looks[-third:]) - max(look.mib for look in looks[:third])) * 1e6 / between


def shortfalls(results: Results) -> list[str]:
    """Sentences: aims that were missed, requests that were refused, and where the peer is ahead."""
    missed = [f"Aim missed: {aim.what}: {aim.found}; {aim.aim}." for aim in aims(results) if not aim.is_met]
    runs = medians(results.runs)
    refused = [f"{run.server} refused {run.refused} requests at {_place(run)}." for run in runs if run.refused]
    return [*missed, *refused, *_behind_the_peer(runs)]


def _behind_the_peer(runs: Sequence[Run]) -> Iterator[str]:
    ours = {run.point: run for run in runs if run.server == SERVICE.name}
    pairs = [(ours[run.point], run) for run in runs if run.server == PEER.name and run.point in ours]
    for field, what, unit, form in (
        ("p50", "answers sooner (p50)", "ms", ".2f"),
        ("p99", "answers sooner (p99)", "ms", ".1f"),
        ("accepted", "accepts more", "records/s", ",.0f"),
        ("stored", "stores more", "records/s", ",.0f"),
    ):
        sign = -1 if field in ("p50", "p99") else 1
        ahead = [
            f"{getattr(peer, field):{form}} against {getattr(own, field):{form}} {unit} at {_place(own)}"
            for own, peer in pairs
            if sign * getattr(peer, field) > sign * getattr(own, field)
        ]
        if ahead:
            yield f"The {PEER.name} {what}: {'; '.join(ahead)}."


def _place(run: Run) -> str:
    connections, size = run.point.connections, run.point.size
    if size == BATCH:
        return f"{connections} connection{'s' * (connections > 1)}"
    return f"{size} record{'s' * (size > 1)} a request" + (
        f", {connections} connections" * (connections != CONNECTIONS)
    )

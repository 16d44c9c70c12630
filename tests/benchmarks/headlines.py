"""What each picture says, in one line made of the figures."""

from __future__ import annotations

from tests.benchmarks.bodies import BATCH
from tests.benchmarks.findings import growth_per_million
from tests.benchmarks.plan import CONNECTIONS
from tests.benchmarks.results import Results, Run, at, medians
from tests.benchmarks.servers import PEER, SERVICE


def latency(results: Results) -> str:
    """Of the picture of latencies."""
    ours = _ours(results, size=BATCH)
    middle = min(ours, key=lambda run: abs(run.point.connections - CONNECTIONS))
    connections = middle.point.connections
    return (
        f"At {connections} connections half of the batches are on disk in {_short(middle.p50)} ms, "
        f"99 of 100 in {_short(middle.p99)} ms"
    )


def throughput(results: Results) -> str:
    """Of the picture of throughputs."""
    best = max(_ours(results, connections=CONNECTIONS), key=lambda run: run.accepted)
    size = best.point.size
    return (
        f"In requests of {size:,} the service takes {_rounded(best.accepted)} records a second onto disk, "
        f"and {_rounded(best.stored or 0)} into SQLite"
    )


def memory(results: Results) -> str:
    """Of the picture of memory."""
    ours = [look for look in results.footprints if look.server == SERVICE.name]
    passing, held = ([look for look in ours if look.is_held == is_held] for is_held in (False, True))
    growth = growth_per_million(passing)
    grows = "" if growth is None else f" ({growth:+.1f} MiB a million)"
    return (
        f"{passing[-1].mib:.0f} MiB after {passing[-1].records:,} records{grows}; "
        f"{max(look.mib for look in held):.0f} MiB when nothing can be stored"
    )


def losses(results: Results) -> str:
    """Of the picture of what kill -9 costs."""
    lost, acknowledged = (
        {
            name: sum(getattr(kill, field) for kill in results.kills if kill.server == name)
            for name in (SERVICE.name, PEER.name)
        }
        for field in ("lost", "acknowledged")
    )
    share = lost[PEER.name] / max(1, acknowledged[PEER.name])
    return (
        f"kill -9 under load cost the service {lost[SERVICE.name]:,} of {acknowledged[SERVICE.name]:,} "
        f"acknowledged records, the {PEER.name} {share:.0%}"
    )


def _ours(results: Results, *, connections: int | None = None, size: int | None = None) -> list[Run]:
    return at(medians(results.runs), connections=connections, size=size)[SERVICE.name]


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def _rounded(number: float) -> str:
    return f"{float(f'{number:.2g}'):,.0f}"

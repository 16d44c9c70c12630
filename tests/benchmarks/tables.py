"""The figures as tables, for the terminal and for Markdown alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

import msgspec
from rich.table import Table as RichTable

from tests.benchmarks.bodies import BATCH
from tests.benchmarks.findings import aims
from tests.benchmarks.plan import CONNECTIONS
from tests.benchmarks.results import Results, Run, medians
from tests.benchmarks.servers import NOTHING


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Text in rows; the columns named in ``words`` are set to the left, figures to the right."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    words: tuple[str, ...] = ("server",)

    def markdown(self) -> str:
        """A table of Markdown."""
        rule = [":--" if name in self.words else "--:" for name in self.columns]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in (self.columns, rule, *self.rows))

    def rich(self) -> RichTable:
        """A table for the terminal; a line is drawn where the first column changes."""
        table = RichTable(title=self.title, title_justify="left")
        for name in self.columns:
            table.add_column(name, justify="left" if name in self.words else "right")
        for cells, following in zip(self.rows, [*self.rows[1:], self.columns], strict=True):
            table.add_row(*cells, end_section=cells[0] != following[0] and self.columns[0] not in self.words)
        return table


def of_aims(results: Results) -> Table:
    """What was aimed at, and what was reached."""
    rows = [(aim.what, aim.aim, aim.found, "met" if aim.is_met else "missed") for aim in aims(results)]
    names = ("what", "aim", "this run", "aim is")
    return Table(title="Aims", columns=names, rows=rows, words=names)


def of_connections(results: Results) -> Table:
    """Latency and throughput against the load."""
    runs = [run for run in medians(results.runs) if run.point.size == BATCH]
    return _of_runs(f"Load: requests of {BATCH} real tasks", "connections", runs, lambda run: run.point.connections)


def of_sizes(results: Results) -> Table:
    """Throughput and latency against the size of a request."""
    runs = [run for run in medians(results.runs) if run.point.connections == CONNECTIONS]
    title = f"Size of a request, over {CONNECTIONS} connections"
    return _of_runs(title, "records a request", runs, lambda run: run.point.size)


def _of_runs(title: str, axis: str, runs: Iterable[Run], value: Callable[[Run], int]) -> Table:
    ordered = sorted(runs, key=value)
    nothing = {value(run): run.p50 for run in ordered if run.server == NOTHING.name}
    rows = [
        (
            f"{value(run):,}",
            run.server,
            f"{run.accepted:,.0f}",
            f"{run.stored:,.0f}" if run.stored else "",
            f"{run.p50:.2f}",
            f"{run.p99:.2f}",
            f"{run.p50 - nothing[value(run)]:.2f}" if run.stored else "",
        )
        for run in ordered
    ]
    names = (axis, "server", "accepted/s", "stored/s", "p50 ms", "p99 ms", "p50 above no-op, ms")
    return Table(title=title, columns=names, rows=rows)


def of_drain(results: Results) -> Table:
    """Records a second into each backend, beside a bare script."""
    rows = []
    for backend in dict.fromkeys(drain.backend for drain in results.drains):
        drains = [drain for drain in results.drains if drain.backend == backend]
        for number, drain in enumerate(drains, 1):
            ratio = drain.engine / drain.bare
            rows.append((backend, str(number), f"{drain.bare:,.0f}", f"{drain.engine:,.0f}", f"{ratio:.2f}"))
        rows.append((backend, "median", "", "", f"{median(drain.engine / drain.bare for drain in drains):.2f}"))
    names = ("backend", "run", "bare script, records/s", "flush engine, records/s", "ratio")
    return Table(title="Drain", columns=names, rows=rows, words=("backend", "run"))


LOOKS = 6  # rows for each server


def of_memory(results: Results) -> Table:
    """Resident memory, a few looks of each series."""
    rows = []
    for series in dict.fromkeys((look.is_held, look.server) for look in results.footprints):
        looks = [look for look in results.footprints if (look.is_held, look.server) == series]
        every = -(-(len(looks) - 1) // LOOKS) or 1
        kept = [look for number, look in enumerate(looks) if number % every == 0 or look is looks[-1]]
        for look in kept:
            what = "held" if look.is_held else "passing"
            note = "; buffer full, refuses with 503" if look.is_full else ""
            rows.append((what + note, look.server, f"{look.records:,}", f"{look.mib:.0f}"))
    names = ("records are", "server", "records", "RSS, MiB")
    return Table(title="Memory", columns=names, rows=rows, words=("records are", "server"))


def of_kills(results: Results) -> Table:
    """What kill -9 cost."""
    rows = [
        (
            kill.server,
            f"{kill.acknowledged:,}",
            f"{kill.found:,}",
            f"{kill.lost:,}",
            f"{kill.lost / max(1, kill.acknowledged):.0%}",
        )
        for kill in results.kills
    ]
    names = ("server", "acknowledged", "found after the restart", "lost", "share")
    return Table(title="kill -9 under load", columns=names, rows=rows)

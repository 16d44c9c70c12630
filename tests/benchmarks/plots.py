"""The curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tests.benchmarks import headlines
from tests.benchmarks.bodies import BATCH
from tests.benchmarks.findings import HEADROOM_MIB
from tests.benchmarks.plan import CONNECTIONS
from tests.benchmarks.results import SYNC, Results, at, medians
from tests.benchmarks.servers import NOTHING, PEER, SERVICE

mpl.use("agg")

INK, FAINT, GRID = "#222222", "#666666", "#e6e6e6"
LINES = {  # Okabe and Ito's colours, which the colour-blind tell apart; each line has a marker of its own too
    SERVICE.name: ("#0072B2", "o"),
    PEER.name: ("#D55E00", "s"),
    NOTHING.name: ("#8a8a8a", "D"),
    SYNC: ("#009E73", "^"),
}
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.titlecolor": FAINT,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "lines.linewidth": 2.2,
    "lines.markersize": 6.5,
    "figure.facecolor": "white",
    "savefig.dpi": 160,
}
WIDTH, HEIGHT = 11.5, 5.6  # inches
LEFT = 0.05  # of the width
APART = 0.058  # of an axis' height, between two labels
INSIDE = 0.9  # of an axis' width: a line that ends before has its label below the end, not beside it
PLACED = ("data", "axes fraction")  # what a label's place is given in
MARKERS = 15  # on a line
Label = tuple[float, float, str, str]  # x and y of a line's end, its text and colour
Ends = dict[Axes, list[Label]]


def draw(results: Results, folder: Path) -> dict[str, str]:
    """Write every picture that the results are enough for; return the title of each by the name of its file."""
    drawings: dict[str, tuple[Callable[[Results], Figure], bool]] = {
        "latency.png": (latency, bool(results.runs)),
        "throughput.png": (throughput, bool(results.runs)),
        "memory.png": (memory, bool(results.footprints)),
        "losses.png": (losses, bool(results.kills)),
    }
    drawn = {}
    for file, (drawing, is_known) in drawings.items():
        (folder / file).unlink(missing_ok=True)  # of an earlier run
        if is_known:
            with mpl.rc_context(STYLE):
                figure = drawing(results)
                figure.savefig(folder / file)
            drawn[file] = figure.get_suptitle()
    return drawn


def latency(results: Results) -> Figure:
    """p50 and p99 against the number of connections."""
    along = at(medians(results.runs), size=BATCH)
    figure, panels = _page(results, headlines.latency(results), f"Latency of a request of {BATCH} real tasks", 2)
    ends: Ends = {axes: [] for axes in panels}
    for axes, name in zip(panels, ("p50", "p99"), strict=True):
        for server in LINES:
            points = [(run.point.connections, getattr(run, name)) for run in along.get(server, [])]
            ends[axes] += _line(axes, server, points, server)
        _logarithmic(axes, [run.point.connections for run in along[SERVICE.name]])
        _describe(axes, f"{name}, milliseconds", "connections")
    _name(ends)
    return figure


def throughput(results: Results) -> Figure:
    """Accepted and stored records a second against the size of a request."""
    along = at(medians(results.runs), connections=CONNECTIONS)
    what = f"Over {CONNECTIONS} connections; stored counts until the last record is in the database"
    figure, (axes,) = _page(results, headlines.throughput(results), what, 1)
    ends: Ends = {axes: []}
    for server in (SERVICE.name, PEER.name, NOTHING.name):
        runs = along.get(server, [])
        stored = [(run.point.size, run.stored) for run in runs if run.stored]
        accepted = [(run.point.size, run.accepted) for run in runs]
        ends[axes] += _line(axes, server, accepted, f"{server}: accepted" if stored else server)
        ends[axes] += _line(axes, server, stored, f"{server}: stored", "--")
    _logarithmic(axes, [run.point.size for run in along[SERVICE.name]])
    _describe(axes, "records a second", "records a request")
    _name(ends)
    return figure


def memory(results: Results) -> Figure:
    """Resident memory against records: passing through, and held up."""
    what = "Resident memory of the server process, MiB"
    figure, panels = _page(results, headlines.memory(results), what, 2)
    passing, held = panels
    ends: Ends = {passing: [], held: []}
    for look_at in dict.fromkeys((look.server, look.is_held) for look in results.footprints):
        looks = [look for look in results.footprints if (look.server, look.is_held) == look_at]
        server, axes = looks[0].server, held if looks[0].is_held else passing
        text = f"{server}\nrefuses more (503)" if looks[-1].is_full else server
        ends[axes] += _line(axes, server, [(look.records, look.mib) for look in looks], text)
    for axes in panels:
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(_number))
    _bound(held, results.buffer_mib + HEADROOM_MIB)
    _describe(passing, "while records pass through", "records accepted so far")
    _describe(held, "while the database is locked", "records waiting")
    _name(ends)
    return figure


def losses(results: Results) -> Figure:
    """What was acknowledged, and what of it was found after each kill -9."""
    what = "Acknowledged records: filled, found after a restart on the same folder; hatched, lost"
    figure, (axes,) = _page(results, headlines.losses(results), what, 1)
    for place, kill in enumerate(results.kills):
        colour, _ = LINES[kill.server]
        axes.barh(place, kill.found, color=colour, height=0.7)
        axes.barh(place, kill.lost, left=kill.found, color="white", edgecolor=colour, hatch="////", height=0.7)
        axes.annotate(
            f"{kill.lost:,} lost",
            (kill.acknowledged, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
        )
    axes.set_yticks(range(len(results.kills)), [kill.server for kill in results.kills])
    for text, kill in zip(axes.get_yticklabels(), results.kills, strict=True):
        text.set_color(LINES[kill.server][0])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(FuncFormatter(_number))
    _describe(axes, "", "records acknowledged before the kill")
    return figure


def _page(results: Results, title: str, subtitle: str, panels: int) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(WIDTH, HEIGHT))
    figure.suptitle(title, x=LEFT, y=0.965, ha="left", fontsize=13.5, fontweight="bold")
    figure.text(LEFT, 0.885, subtitle, color=FAINT)
    machine = results.machine
    facts = f"{machine.cores} cores, {machine.processor}, {machine.filesystem}, {results.begun:%Y-%m-%d}"
    figure.text(LEFT, 0.02, facts + (", quick: figures say nothing" * results.is_quick), color=FAINT, fontsize=9)
    space = {"left": 0.08 if panels > 1 else 0.125, "right": 0.845, "top": 0.79, "bottom": 0.17, "wspace": 0.5}
    return figure, figure.subplots(1, panels, squeeze=False, sharey=True, gridspec_kw=space)[0]


def _line(axes: Axes, server: str, points: Sequence[tuple[float, float]], text: str, style: str = "-") -> list[Label]:
    if not points:
        return []
    colour, marker = LINES[server]
    axes.plot(*zip(*points, strict=True), style, color=colour, marker=marker, markevery=-(-len(points) // MARKERS))
    return [(*points[-1], text, colour)]


def _bound(axes: Axes, mib: int) -> None:
    axes.axhline(mib, color=FAINT, linewidth=1, linestyle=(0, (4, 4)))
    where, coordinates = (0.99, mib), ("axes fraction", "data")
    aim = f"aim: under {mib} MiB"
    axes.annotate(aim, where, (0, 5), coordinates, "offset points", color=FAINT, fontsize=9, ha="right")


def _describe(axes: Axes, above: str, below: str) -> None:
    axes.set_title(above)
    axes.set_xlabel(below)
    axes.tick_params(labelleft=True)


def _name(ends: Ends) -> None:
    """Name the lines at their ends, once all are drawn: in their order, moved apart where two would overlap."""
    for axes, labels in ends.items():
        axes.get_ylim()  # settles the limits that the places are taken from
        places = axes.transAxes.inverted().transform(axes.transData.transform([label[:2] for label in labels]))
        top = -1.0  # of the labels so far
        for (along, height), (x, _, text, colour) in sorted(zip(places.tolist(), labels, strict=True), key=_height):
            if along < INSIDE:
                axes.annotate(text, (x, height), (-4, -9), PLACED, "offset points", color=colour, va="top")
                continue
            middle = max(height, top + APART)
            top = middle
            axes.annotate(text, (x, middle), (9, 0), PLACED, "offset points", color=colour, va="center")


def _height(placed: tuple[list[float], Label]) -> float:
    return placed[0][1]


def _logarithmic(axes: Axes, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(_number))


def _number(value: float, _: object = None) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"

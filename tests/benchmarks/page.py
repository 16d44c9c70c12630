"""``benchmarks.md``: what was found, what falls short, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.benchmarks import tables
from tests.benchmarks.findings import shortfalls
from tests.benchmarks.results import Results
from tests.benchmarks.tables import Table

BUSY = 0.5  # a load average above it disturbs the figures


def page(results: Results, pictures: Mapping[str, str]) -> str:
    """The page; ``pictures`` are the titles of those beside it, by the names of their files."""
    return "\n\n".join(part for part in _parts(results, pictures) if part) + "\n"


def _parts(results: Results, pictures: Mapping[str, str]) -> Iterator[str]:
    machine = results.machine
    yield "# Benchmarks"
    yield (
        f"Written by `make bench` on {results.begun:%Y-%m-%d %H:%M} UTC in {results.seconds / 60:.1f} minutes: "
        f"{machine.versions['persistence-service']} on {machine.cores} cores. The figures are this machine's; "
        "what counts is how those of one run compare. `measurements.json` holds them all."
    )
    yield "\n".join(_warnings(results))
    yield from _section("Aims", tables.of_aims(results), AIMS)
    yield from _section("Latency against load", tables.of_connections(results), LOAD, "latency.png", pictures)
    yield from _section("Throughput against batch size", tables.of_sizes(results), SIZES, "throughput.png", pictures)
    yield from _section("Drain", tables.of_drain(results), DRAIN)
    yield from _section("Memory against records", tables.of_memory(results), MEMORY, "memory.png", pictures)
    yield from _section("What kill -9 costs", tables.of_kills(results), KILLS, "losses.png", pictures)
    yield "## What falls short"
    yield "\n".join(f"- {sentence}" for sentence in [*shortfalls(results), *LIMITS])
    yield "## How to read the figures"
    yield "\n".join(f"- {sentence}" for sentence in READING)
    yield "## Machine and versions"
    yield _machine(results)


def _section(
    title: str, table: Table, words: str, picture: str = "", pictures: Mapping[str, str] | None = None
) -> Iterator[str]:
    if not table.rows:
        return
    yield f"## {title}"
    if pictures and picture in pictures:
        yield f"![{pictures[picture]}]({picture})"
    yield words
    yield table.markdown()


def _warnings(results: Results) -> Iterator[str]:
    machine = results.machine
    if results.is_quick:
        yield "> **A quick run**: it shows that everything works; its figures say nothing."
    if machine.busy > BUSY:
        yield f"> **The machine was busy** before the run (load {machine.busy:.1f}): it can do better."
    if machine.filesystem in ("tmpfs", "ramfs"):
        yield f"> **The data was in memory** ({machine.filesystem}), where an fdatasync costs nothing."


def _machine(results: Results) -> str:
    machine = results.machine
    return "\n".join(
        [
            f"- {machine.processor}, {machine.cores} cores, {machine.memory_gib:.0f} GiB of memory; {machine.system}",
            f"- {machine.filesystem}; write + fdatasync of 4 KiB takes {machine.sync_ms:.2f} ms (median of 200)",
            f"- {', '.join(f'{name} {number}' for name, number in machine.versions.items())}",
            f"- each load is run {results.repeats} time{'s' * (results.repeats > 1)}, and every figure is the median",
        ]
    )


AIMS = "The product's own aims, judged by the figures below."
LOAD = """\
Requests of 100 real tasks, as fast as the answers come. *Accepted* are records whose request was answered with 2xx;
*stored* counts until the last of them is in the database. The service answers when the batch is fsynced in its
journal."""
SIZES = """\
The same tasks in requests of other sizes. The service syncs once for all requests that wait, so small requests cost
their parsing more than their disk."""
DRAIN = """\
From the journal into the backend by the flush engine, beside a script without a server that decodes the same lines
and stores the same rows by the same guarded upsert, with the same indexes and durability."""
MEMORY = """\
*Passing*: records come as fast as they are accepted, with a pause until all are stored at every step; the look is at
the end of the intake. *Held*: another process holds the database's write lock, so nothing can be stored."""
KILLS = """\
The server is killed with -9 as soon as so many records are acknowledged, with 16 requests on their way; it is started
again on the same folder, and what was acknowledged is looked up in the database."""
LIMITS = (
    "Generator, server and disk share the cores of one machine over the loopback interface; a network is not in it.",
    "One collection, new keys only, the embedded default: other backends and mixed work will differ.",
    "`kill -9` does not test a power loss; the journal's tests do, on a disk that loses what was not synced.",
)
READING = (
    "**no-op handler**: the same HTTP server with a handler that reads the body and answers. What the service takes "
    "longer is what parsing, checking and syncing cost.",
    "**write + fdatasync**: threads that write the same bytes into preallocated files of their own, one for each "
    "connection. It is no server; it is what the disk asks for.",
    "**generator against a floor**: a socket that counts bytes: the load generator is not the bottleneck.",
    "**service, drain held**: nothing is flushed while the load runs, as on a machine with a core to spare.",
    "**founding stack**: the same endpoint as a competent engineer writes it in an afternoon "
    "(`tests/benchmarks/peer`): FastAPI and Pydantic on uvicorn with uvloop and httptools, a list in memory as buffer, "
    "202 at once, one flusher into SQLite by aiosqlite (WAL, synchronous=FULL) every 100 ms or 1000 rows. It keeps "
    "three indexes where the service keeps five, and it does not guard versions.",
    "Differences under a third are within what one run on a shared machine can tell.",
)

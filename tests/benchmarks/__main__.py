"""``make bench``: what the service reaches beside bare drivers, from one run. Nothing here is asserted by a test."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile

from rich.console import Console
from rich.table import Table

from tests.benchmarks import bodies, drain, load, yardsticks

PATH = "/api/v1/translation/tasks/batch"
WAITING = {  # a drain that does not begin while the run lasts
    "PERSISTENCE__BUFFER__LINGER_SECONDS": "600",
    "PERSISTENCE__BUFFER__MAX_AGE_SECONDS": "600",
    "PERSISTENCE__BUFFER__BATCH_RECORDS": "100000000",
    "PERSISTENCE__BUFFER__BATCH_RECORDS_MAX": "100000000",
    "PERSISTENCE__BUFFER__BATCH_BYTES": "1000000000",
}
FULL = 1_000_000  # records that fill any buffer
console = Console(width=120)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(*arguments: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that answers on the port. Raises RuntimeError with its last words where it does not."""
    with TemporaryFile() as words:
        child = subprocess.Popen([sys.executable, *arguments], stdout=words, stderr=words)
        try:
            for _ in range(200):
                if child.poll() is not None or _answers(port):
                    break
                time.sleep(0.05)
            if not _answers(port):
                words.seek(0)
                raise RuntimeError(f"{arguments} does not answer: {words.read()[-500:]!r}")
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(60)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def service(folder: Path, port: int, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The product, on its embedded default but for ``settings``."""
    os.environ.update(settings)
    try:
        arguments = ("-m", "entrypoints.cli", "serve", "--port", str(port), "--data-dir", str(folder))
        with process(*arguments, port=port) as child:
            yield child
    finally:
        for name in settings:
            del os.environ[name]


def flush(port: int) -> None:
    """Wait until everything acknowledged is stored."""
    for _ in range(60):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/system/flush?timeout=30", method="POST")
        try:
            urllib.request.urlopen(request).read()
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
        else:
            return


def rss(pid: int) -> float:
    """Resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def measure(port: int, texts: list[bytes], connections: int) -> load.Load:
    """One timed run, behind a short one that warms up."""
    asyncio.run(load.run(port, PATH, texts[:50], connections))
    return asyncio.run(load.run(port, PATH, texts, connections))


def intake(folder: Path, requests: int, repeats: int) -> None:
    """Accepted records a second and latency at 1, 16 and 64 connections."""
    table = Table(title=f"Intake: batches of {bodies.BATCH} real tasks; median of {repeats} runs; milliseconds")
    for name in ("connections", "server", "records/s", "p50", "p99", "p50 - no-op p50", "aim: 2x bare p50"):
        table.add_column(name, justify="right" if name != "server" else "left")
    for connections in (1, 16, 64):
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for repeat in range(repeats):
            texts = bodies.batches(requests, f"i{connections}-{repeat}")
            _intake_round(folder / f"{connections}-{repeat}", texts, connections, rows)
        figures = {name: tuple(median(column) for column in zip(*runs, strict=True)) for name, runs in rows.items()}
        aim = 2 * figures["write + fdatasync"][1]
        for name, (rate, p50, p99) in figures.items():
            is_ours = name.startswith("journaled")
            extra = (f"{p50 - figures['no-op handler'][1]:.2f}", f"{aim:.2f}") if is_ours else ("", "")
            table.add_row(str(connections), name, f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", *extra)
        table.add_section()
    console.print(table)


def _intake_round(
    folder: Path, texts: list[bytes], connections: int, rows: dict[str, list[tuple[float, float, float]]]
) -> None:
    folder.mkdir()

    def note(name: str, found: load.Load) -> None:
        figures = (found.per_second * bodies.BATCH, found.percentile(0.5), found.percentile(0.99))
        rows.setdefault(name, []).append(figures)
        if found.refused:
            console.print(f"[yellow]{name}: {found.refused} of {len(texts)} requests were refused")

    for name, kind in (("generator against a floor", "floor"), ("no-op handler", "nothing")):
        port = free_port()
        with process("-m", "tests.benchmarks.yardsticks", kind, str(port), port=port):
            note(name, measure(port, texts, connections))
    synced = yardsticks.synced_writes(folder, texts, connections)
    middle, late = synced[len(synced) // 2] * 1e3, synced[int(len(synced) * 0.99)] * 1e3
    rows.setdefault("write + fdatasync", []).append((bodies.BATCH * connections / middle * 1e3, middle, late))
    for name, settings in (
        ("journaled, draining", {}),
        ("journaled, drain waiting", WAITING),
    ):
        port = free_port()
        with service(folder / name.split(", ")[1].replace(" ", "-"), port, **settings):
            note(name, measure(port, texts, connections))


def drained(folder: Path, records: int, repeats: int) -> None:
    """Records a second into SQLite, beside a bare script."""
    table = Table(title=f"Drain: {records:,} real tasks into SQLite (WAL, synchronous=FULL, all indexes); records/s")
    for name in ("run", "bare script", "flush engine", "ratio"):
        table.add_column(name, justify="right")
    ratios = []
    for repeat in range(repeats):
        lines = list(bodies.tasks(records, f"d{repeat}"))
        place = folder / f"drain-{repeat}"
        place.mkdir()
        bare = records / drain.bare(place, lines)
        ours = records / asyncio.run(drain.engine(place / "data", lines))
        ratios.append(ours / bare)
        table.add_row(str(repeat + 1), f"{bare:,.0f}", f"{ours:,.0f}", f"{ours / bare:.2f}")
    table.add_row("median", "", "", f"{median(ratios):.2f}", style="bold")
    console.print(table)


def memory(folder: Path, records: int, rounds: int) -> None:
    """Resident memory while records pass through."""
    table = Table(title="Memory of the service process while records pass through (buffer bound: 256 MiB); MiB")
    for name in ("records passed", "RSS at the peak of the round", "RSS when drained"):
        table.add_column(name, justify="right")
    port = free_port()
    with service(folder / "memory", port) as child:
        table.add_row("0", "", f"{rss(child.pid):.1f}")
        for number in range(rounds):
            peak = 0.0
            for part in range(0, records, 50_000):
                asyncio.run(load.run(port, PATH, bodies.batches(50_000 // bodies.BATCH, f"m{number}-{part}"), 16))
                peak = max(peak, rss(child.pid))
                flush(port)
            table.add_row(f"{(number + 1) * records:,}", f"{peak:.1f}", f"{rss(child.pid):.1f}")
    port = free_port()
    with service(folder / "full", port, **WAITING) as child:
        taken = 0
        while taken < FULL:
            sent = asyncio.run(load.run(port, PATH, bodies.batches(200, f"f{taken}"), 16))
            taken += (len(sent.latencies) - sent.refused) * bodies.BATCH
            if sent.refused:
                break
        table.add_row(f"{taken:,} kept waiting: the buffer is full", f"{rss(child.pid):.1f}", "")
    console.print(table)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", choices=("intake", "drain", "memory"), help="one part instead of all three")
    parser.add_argument("--requests", type=int, default=1_000, help="requests a timed run (default 1000)")
    parser.add_argument("--records", type=int, default=100_000, help="records of the drain (default 100000)")
    parser.add_argument("--repeats", type=int, default=3, help="runs, of which the median is told (default 3)")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder here)")
    options = parser.parse_args()
    console.print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {json.dumps(os.getloadavg())} load\n")
    with TemporaryDirectory(dir=options.folder or Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        if options.only in (None, "intake"):
            intake(folder, options.requests, options.repeats)
        if options.only in (None, "drain"):
            drained(folder, options.records, options.repeats)
        if options.only in (None, "memory"):
            memory(folder, 500_000, 3)


if __name__ == "__main__":
    main()

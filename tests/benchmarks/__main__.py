"""``make bench``: measure the service beside bare drivers and a peer; write a page with curves."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from rich.console import Console

from tests.benchmarks import drain, kills, machine, memory, page, server_drain, sweep, tables
from tests.benchmarks.plan import FULL, QUICK, Plan
from tests.benchmarks.results import Results

Say = Callable[[str], None]
NEEDED = ("aiosqlite", "fastapi", "httptools", "matplotlib", "uvicorn", "uvloop")
MEASUREMENTS, PAGE = "measurements.json", "benchmarks.md"
console = Console(width=None if sys.stdout.isatty() else 120)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _options(arguments)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return _fail(78, f"Missing: {', '.join(missing)}. `make bench` installs them.")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        results = _read(options.output / MEASUREMENTS) if options.redraw else _measure(options)
        _write(results, options.output)
    except KeyboardInterrupt:
        return _fail(130, "Interrupted; nothing was written.")
    except (ConnectionError, TimeoutError, RuntimeError) as error:
        return _fail(70, f"A server failed, and nothing was written: {error}")
    except OSError as error:
        return _fail(73, f"{error.filename}: {error.strerror}. Choose folders by --output and --scratch.")
    except msgspec.DecodeError as error:
        return _fail(65, f"{options.output / MEASUREMENTS}: {error}. Measure anew, without --redraw.")
    console.print(f"Written: {options.output / PAGE}, and its curves beside it")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path("build/benchmarks"), help="folder for the page and its curves"
    )
    parser.add_argument(
        "--scratch", type=Path, help="where the servers keep their data meanwhile (default: the output)"
    )
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--repeats", type=int, help=f"runs of each load, of which the median is told ({FULL.repeats})")
    parser.add_argument("--quick", action="store_true", help="half a minute, to see that everything works")
    parser.add_argument("--redraw", action="store_true", help=f"page and curves anew from the output's {MEASUREMENTS}")
    options = parser.parse_args(arguments)
    if options.repeats is not None and options.repeats < 1:
        parser.error("--repeats must be at least 1")
    return options


def _fail(code: int, sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return code


def _measure(options: argparse.Namespace) -> Results:
    plan = QUICK if options.quick else FULL
    if options.repeats:
        plan = msgspec.structs.replace(plan, repeats=options.repeats)
    begun = time.perf_counter()
    with (
        TemporaryDirectory(dir=options.scratch or options.output, prefix=".scratch-") as scratch,
        console.status("Measuring") as status,
    ):
        results = Results(
            begun=datetime.now(UTC),
            machine=machine.look(Path(scratch)),
            is_quick=options.quick,
            repeats=plan.repeats,
            buffer_mib=plan.buffer_mib,
        )
        for name, part in PARTS.items():
            if options.only in (None, name):
                part(results, plan, Path(scratch) / name, status.update)
    results.seconds = time.perf_counter() - begun
    return results


def _load(results: Results, plan: Plan, folder: Path, say: Say) -> None:
    results.runs.extend(sweep.sweep(plan, folder, say))
    console.print(tables.of_connections(results).rich(), tables.of_sizes(results).rich())


def _drain(results: Results, plan: Plan, folder: Path, say: Say) -> None:
    say("Drain into SQLite")
    results.drains.extend(drain.drains(plan, folder))
    for name in server_drain.SERVERS:
        say(f"Drain into {name}")
        missing = server_drain.missing(name)
        if missing:
            console.print(f"Drain into {name} is left out: {missing}")
            continue
        results.drains.extend(server_drain.drains(name, plan, folder / name))
    console.print(tables.of_drain(results).rich())


def _memory(results: Results, plan: Plan, folder: Path, say: Say) -> None:
    say("Memory against records")
    results.footprints.extend(memory.footprints(plan, folder))
    console.print(tables.of_memory(results).rich())


def _kills(results: Results, plan: Plan, folder: Path, say: Say) -> None:
    say("kill -9 under load")
    results.kills.extend(kills.kills(plan, folder))
    console.print(tables.of_kills(results).rich())


PARTS: dict[str, Callable[[Results, Plan, Path, Say], None]] = {
    "load": _load,
    "drain": _drain,
    "memory": _memory,
    "kill": _kills,
}


def _read(file: Path) -> Results:
    return msgspec.json.decode(file.read_bytes(), type=Results)


def _write(results: Results, folder: Path) -> None:
    from tests.benchmarks import plots  # only here: it needs the group `bench`

    console.print(tables.of_aims(results).rich())
    text = page.page(results, plots.draw(results, folder))
    measured = msgspec.json.format(msgspec.json.encode(results), indent=1)
    for name, content in ((MEASUREMENTS, measured), (PAGE, text.encode())):
        whole = folder / f".{name}"  # a reader never sees half of it
        whole.write_bytes(content)
        whole.replace(folder / name)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # no server outlives it, no scratch is left
    sys.exit(main())

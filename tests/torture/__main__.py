"""Torture the service and print what was lost.

    python -m tests.torture [--only NAME ...] [--short] [--seed N] [--minutes N] [--times N]

The seed draws what the writers send and when the faults come; how the two meet is up to the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from rich.console import Console

from tests.torture.rows import ROWS
from tests.torture.trial import NotHere, Outcome, Row, Trial, sentences, table

WIDTH = 200  # columns of the table where nobody looks at it


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit 1 where anything was lost, stale or wrong."""
    options = _options(arguments)
    if options.list:
        return _list()
    chosen = [row for row in ROWS if not options.only or row.name in options.only]
    outcomes = []
    for number, row in enumerate(chosen, start=1):
        amount = _amount(row, options)
        place = f"[{number}/{len(chosen)}] {row.name}"
        _say(f"{place}, {amount:g} {row.unit}, seed {options.seed}: {row.about}")
        with _minutes_said(place):
            outcomes.append(outcome := _run(row, amount, options))
        for sentence in sentences(outcome):
            _say(sentence)
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table(outcomes))
    _say(f"again: make torture ARGS='{' '.join([*sys.argv[1:], *_seed_said(options)])}'")
    sound = all(outcome.result is None or outcome.result.is_sound for outcome in outcomes)
    return 0 if sound else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=(__doc__ or "").splitlines()[0])
    names = [row.name for row in ROWS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="this row; may be said again")
    parser.add_argument("--short", action="store_true", help="the length that CI has time for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="the length of the rows that count minutes")
    parser.add_argument("--times", type=float, help="the length of the rows that count times")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep data, logs and ledgers here")
    parser.add_argument("--list", action="store_true", help="name the rows and leave")
    return parser.parse_args(arguments)


def _list() -> int:
    for row in ROWS:
        print(f"{row.name:26} {row.full:>6g} {row.unit:8} (short {row.short:g})  {row.about}")
    return 0


def _amount(row: Row, options: argparse.Namespace) -> float:
    given = options.minutes if row.unit == "minutes" else options.times
    return float(given if given is not None else row.short if options.short else row.full)


def _run(row: Row, amount: float, options: argparse.Namespace) -> Outcome:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as temporary:
        folder = (options.keep or Path(temporary)) / row.name
        folder.mkdir(parents=True)
        trial = Trial(folder=folder, seed=options.seed, amount=amount, say=_say)
        try:
            result = asyncio.run(row.run(trial))
        except (NotHere, pytest.skip.Exception) as lack:
            return Outcome(name=row.name, seconds=0, missing=str(lack))
    return Outcome(name=row.name, seconds=time.monotonic() - begun, result=result)


def _seed_said(options: argparse.Namespace) -> list[str]:
    return [] if "--seed" in sys.argv else [f"--seed {options.seed}"]


@contextmanager
def _minutes_said(place: str) -> Iterator[None]:
    """Say each minute that a row is still on its way; from a thread, as some rows keep the loop busy."""
    over = threading.Event()

    def say() -> None:
        for minutes in count(1):
            if over.wait(60):
                return
            _say(f"{place}: {minutes} min")

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

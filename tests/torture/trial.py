"""One row of the table: a fault, how often it is brought about, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

SHOWN_FAULTS = 20


class NotHere(Exception):
    """This machine lacks what a row needs; the text says what."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a row is given to run."""

    folder: Path  # empty, its own, removed afterwards
    seed: int
    amount: float  # times or minutes, as the row counts
    say: Callable[[str], None]

    @property
    def times(self) -> int:
        """The amount of a row that counts times."""
        return round(self.amount)

    @property
    def seconds(self) -> float:
        """The amount of a row that counts minutes."""
        return self.amount * 60


class Result(msgspec.Struct, kw_only=True):
    """What a row came to."""

    injected: int = 0
    acknowledged: int = 0  # record writes, or frames where no service runs
    lost: int = 0  # of them: not to be found at the end
    stale: int = 0  # places where something older hides, or has undone, what is newer and acknowledged
    recovery: list[float] = []  # seconds from each end of the fault to the end of its effects
    letters: int = 0  # records in the dead letters; an outage makes none
    unknown: int = 0  # writes without an answer
    unresolved: int = 0  # of them: neither whole nor absent at the end
    faults: list[str] = []  # everything that must not be, in sentences
    slow: list[str] = []  # times and rates that were missed: a machine with other work misses them, too
    note: str = ""  # further figures of this row

    @property
    def is_sound(self) -> bool:
        """Whether the promise was kept, in its time."""
        return not (self.lost or self.stale or self.unresolved or self.faults or self.slow)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that can be run by its name."""

    name: str
    about: str  # one line
    run: Callable[[Trial], Awaitable[Result]]
    short: float  # the amount that CI has time for
    full: float
    unit: str = "times"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table that is printed: a result, or why there is none."""

    name: str
    seconds: float
    result: Result | None = None
    missing: str = ""  # what this machine lacks

    @property
    def cells(self) -> list[str]:
        """As the columns of ``table`` want it."""
        result = self.result
        if result is None:
            return [self.name, "not done", *[""] * 7, self.missing]
        recovery = f"{max(result.recovery):.2f}" if result.recovery else ""
        unknown = f"{result.unknown} ({result.unknown - result.unresolved})" if result.unknown else "0"
        counts = [result.injected, result.acknowledged, result.lost, result.stale]
        verdict = result.note or ("" if result.is_sound else "see above")
        return [
            *(self.name, *map(str, counts), recovery, str(result.letters), unknown),
            *(f"{self.seconds:.0f}", verdict),
        ]


COLUMNS = (
    *("fault", "injected", "acknowledged", "lost", "stale effects", "recovery s (longest)"),
    *("dead letters", "unknown (resolved)", "took s", "note"),
)
_WORDS = ("fault", "note")


def table(outcomes: Iterable[Outcome]) -> Table:
    """The one table."""
    drawn = Table(title="Torture", title_justify="left")
    for name in COLUMNS:
        drawn.add_column(name, justify="left" if name in _WORDS else "right")
    for outcome in outcomes:
        drawn.add_row(*outcome.cells)
    return drawn


def sentences(outcome: Outcome) -> list[str]:
    """What must not be, each with its row's name."""
    faults: list[Any] = outcome.result.faults + outcome.result.slow if outcome.result else []
    more = [f"... {len(faults)} in all"] if len(faults) > SHOWN_FAULTS else []
    return [f"{outcome.name}: {fault}" for fault in [*faults[:SHOWN_FAULTS], *more]]

"""What a person sees while something takes longer than a second; nothing where no terminal shows it."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

DELAY_SECONDS = 1.0  # what is done sooner shows nothing
_ECHO_COLUMNS = 3  # room for the ^C that a terminal writes behind the line
Report = Callable[..., None]
Columns = Callable[[], "tuple[ProgressColumn, ...]"]


@contextlib.contextmanager
def records_progress(total_bytes: int | None = None, *, hidden: bool = False) -> Iterator[Report]:
    """Yields ``report(records, position_bytes, total_records=None)``.

    The share done is that of the bytes read where ``total_bytes`` is known, else that of the records.
    ``hidden``: the records themselves go to the terminal.
    """
    begun = time.monotonic()
    with _line(_record_columns, hidden, total=total_bytes, records=0, rate=0.0) as update:

        def report(records: int, position: int, total_records: int | None = None) -> None:
            rate = records / max(time.monotonic() - begun, 0.001)
            done = position if total_bytes is not None else records
            update(completed=done, total=total_bytes or total_records, records=records, rate=rate)

        yield report


@contextlib.contextmanager
def waiting(what: str) -> Iterator[Callable[[int], None]]:
    """Say what is waited for, and for how long; yields ``received(size)``, to be told of each part of an answer."""
    received = 0
    with _line(_waiting_columns, what=what, received="", total=None) as update:

        def report(size: int) -> None:
            nonlocal received
            received += size
            update(received=f"{received / 1_000_000:,.1f} MB")

        yield report


@contextlib.contextmanager
def _line(columns: Columns, hidden: bool = False, **fields: Any) -> Iterator[Report]:  # of any type
    """A line on the terminal once the work has lasted for a second; yields how to change its fields."""
    if hidden or not sys.stderr.isatty():
        yield lambda **_: None
        return
    line = _Line(columns, fields)
    try:
        yield line.update
    finally:
        line.close()


class _Line:
    """A progress line that a timer begins."""

    def __init__(self, columns: Columns, fields: dict[str, Any]) -> None:
        self._columns = columns
        self._fields = fields
        self._begun = time.monotonic()
        self._drawn: Progress | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(DELAY_SECONDS, self._begin)
        self._timer.daemon = True
        self._timer.start()

    def update(self, **fields: Any) -> None:
        """Change what the line says."""
        with self._lock:
            self._fields |= fields
            if self._drawn is not None:
                self._drawn.update(self._drawn.task_ids[0], **fields)

    def close(self) -> None:
        """Take the line away."""
        self._timer.cancel()
        with self._lock:
            if self._drawn is not None:
                self._drawn.stop()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        with self._lock:
            if self._timer.finished.is_set():  # closed while this was imported
                return
            columns = shutil.get_terminal_size().columns - _ECHO_COLUMNS
            console = Console(stderr=True, width=columns)
            self._drawn = Progress(*self._columns(), console=console, transient=True, redirect_stdout=False)
            self._drawn.add_task("", **self._fields)
            self._drawn.tasks[0].start_time = self._begun
            self._drawn.start()


def _record_columns() -> tuple[ProgressColumn, ...]:
    from rich.progress import BarColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class TimeLeft(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            time_left = super().render(task)
            return time_left.append(" left") if any(map(str.isdigit, time_left.plain)) else Text()

    return (
        TextColumn("{task.fields[records]:,} records"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:,.0f} records/s"),
        TimeLeft(compact=True),
    )


def _waiting_columns() -> tuple[ProgressColumn, ...]:
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    return (
        SpinnerColumn(),
        TextColumn("{task.fields[what]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[received]}"),
    )

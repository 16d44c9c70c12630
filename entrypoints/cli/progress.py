"""A progress bar on a terminal; nothing elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Report = Callable[..., None]


@contextlib.contextmanager
def records_progress(total_bytes: int | None = None) -> Iterator[Report]:
    """Yields ``report(records, position_bytes, total_records=None)``.

    The share done is that of the bytes read where ``total_bytes`` is known, else that of the records.
    """
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[records]:,} records"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:,.0f} records/s"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    begun = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total_bytes, records=0, rate=0.0)

        def report(records: int, position: int, total_records: int | None = None) -> None:
            rate = records / max(time.monotonic() - begun, 0.001)
            done = position if total_bytes is not None else records
            bar.update(task, completed=done, total=total_bytes or total_records, records=records, rate=rate)

        yield report

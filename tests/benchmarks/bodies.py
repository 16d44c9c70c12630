"""Request bodies of real tasks, each with keys of its own."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

SLICE = Path(__file__).parent.parent / "data" / "gettext-tasks.ndjson.gz"
BATCH = 100  # records a request, where nothing else is said


@cache
def _originals() -> list[dict[str, Any]]:
    with gzip.open(SLICE) as lines:
        return [msgspec.json.decode(line) for line in lines]


def key(run: str, number: int) -> str:
    """The key of a run's task."""
    return f"{run}-{number:08}"


def tasks(count: int, run: str) -> Iterator[bytes]:
    """``count`` real tasks as JSON lines; the keys are made unique by ``run`` and a number."""
    originals = _originals()
    for number in range(count):
        yield msgspec.json.encode({**originals[number % len(originals)], "task_id": key(run, number)})


def batches(count: int, run: str, size: int = BATCH) -> list[bytes]:
    """``count`` request bodies of ``size`` tasks."""
    lines = tasks(count * size, run)
    return [b'{"tasks":[' + b",".join(next(lines) for _ in range(size)) + b"]}" for _ in range(count)]

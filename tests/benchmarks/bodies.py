"""Request bodies of real tasks, each with keys of its own."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec

SLICE = Path(__file__).parent.parent / "data" / "gettext-tasks.ndjson.gz"
BATCH = 100


def tasks(count: int, run: str) -> Iterator[bytes]:
    """``count`` real tasks as JSON lines; the keys are made unique by ``run`` and a number."""
    with gzip.open(SLICE) as lines:
        originals = [msgspec.json.decode(line) for line in lines]
    for number in range(count):
        task = originals[number % len(originals)]
        yield msgspec.json.encode({**task, "task_id": f"{run}-{number:08}"})


def batches(count: int, run: str) -> list[bytes]:
    """``count`` request bodies of 100 tasks."""
    lines = tasks(count * BATCH, run)
    return [b'{"tasks":[' + b",".join(next(lines) for _ in range(BATCH)) + b"]}" for _ in range(count)]

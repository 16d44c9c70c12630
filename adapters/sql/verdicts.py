"""What becomes of a write, from the version that is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from domain.errors import RecordRefused
from domain.model.records import Verdict

Stored = tuple[int, int]
"""``updated_at`` in microseconds and ``revision``: the version as the columns hold it."""


def judged(stored: Stored | None, sent: Stored, base_revision: int) -> Verdict:
    """Before the upsert: whether a row that builds on ``base_revision`` may be stored. Absent is revision 0."""
    if stored == sent:
        return Verdict.STORED  # a replay: the upsert will change nothing
    if base_revision != (stored[1] if stored else 0):
        return Verdict.CONFLICT
    return Verdict.STORED if stored is None or stored < sent else Verdict.STALE


@contextmanager
def placed(places: Sequence[int]) -> Iterator[None]:
    """Where a refusal names a row, name the write that it is of: the rows are those of the writes at ``places``."""
    try:
        yield
    except RecordRefused as refusal:
        if refusal.index is not None:
            refusal.index = places[refusal.index]
        raise

"""Answers of the services that take and change records."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from domain.errors import ItemError, PersistenceError
from domain.model.receipts import Receipt, WriteException
from domain.model.records import Record, Verdict


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that is durable in the pending log."""

    receipt: Receipt
    count: int  # records taken
    first_revision: int  # of the first of them
    keys: tuple[str, ...]  # of their records, in order
    errors: tuple[ItemError, ...] = ()  # the refused ones, where the caller asked to go on


class WriteOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one record of a batch."""

    key: str
    verdict: Verdict
    revision: int
    exception: WriteException | None = None  # why it is not the stored state


class ChangeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item of a conditional batch."""

    index: int
    key: str
    verdict: Verdict | None  # None where the item did not get as far as a write
    record: Record | None = None  # the stored state, where it was stored by this very request
    revision: int | None = None  # of the state that it stored
    problem: PersistenceError | None = None


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """A whole record that is stored, and the visible one whose place it took."""

    record: Record
    former: Record | None


class SessionProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a session's tasks are."""

    counts: Mapping[str, int]  # stored tasks by status, every status present
    pending: int  # acknowledged task records of the session that still wait for their flush

    @property
    def total(self) -> int:
        """Stored tasks."""
        return sum(self.counts.values())

    @property
    def progress(self) -> float:
        """Completed share of the stored tasks, 0.0 to 1.0; 0.0 without tasks."""
        return self.counts.get("completed", 0) / self.total if self.total else 0.0

"""What a client knows: every write it sent, and what the service said to it. Kept outside the service's process.

The oracle rests on two habits of the client. Each write carries a *marker*, a text of its own in a field of the record,
so that a record that is read back names the write it comes from. And a key never has two writes on their way at once,
so that versions are ordered even where the service gives the time (PATCH, DELETE): it lies between question and answer.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import msgspec

Json = Any  # a record as it was decoded
Place = tuple[str, str]  # envelope ("sessions" or "tasks") and key

MARKERS = {"sessions": "name", "tasks": "error_message"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CONTENT = {
    "sessions": ("user_id", "name", "status", "source_lang", "target_lang", "total_tasks", "metadata"),
    "tasks": (
        *("session_id", "batch_id", "status", "source_text", "translated_text", "source_lang", "target_lang"),
        *("priority", "retry_count", "error_message", "metadata"),
    ),
}


class Verdict(StrEnum):
    """What the client may believe of a write."""

    ACKED = "acked"  # the service said yes
    REFUSED = "refused"  # the service said no
    UNKNOWN = "unknown"  # no answer came


class Action(StrEnum):
    """The kinds of writes."""

    PUT = "put"  # a whole record
    PATCH = "patch"
    DELETE = "delete"


class Stale(str):
    """A sentence about something older that hides what is newer."""


class Change(msgspec.Struct, kw_only=True):
    """One write of one key."""

    envelope: str
    key: str
    action: Action
    marker: str  # unique to this write
    earliest: int  # the version's time lies between these two, in microseconds since 1970
    latest: int
    created: int | None = None  # in microseconds since 1970, where the client gives it
    digest: str | None = None  # of the whole record, where the client knows it
    verdict: Verdict = Verdict.UNKNOWN

    @property
    def place(self) -> Place:
        """What the write is of."""
        return (self.envelope, self.key)


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def text_of(moment: int) -> str:
    """RFC 3339 of microseconds since 1970."""
    return (_EPOCH + moment * _MICROSECOND).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> int:
    """Microseconds since 1970 of RFC 3339."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND


def digest_of(envelope: str, record: Json) -> str:
    """Of what the client decides in a record; objects count with the order of their keys."""
    content = [record[name] for name in _CONTENT[envelope]]
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=16).hexdigest()


class Ledger:
    """An append-only file of its own, and the same in memory by key."""

    def __init__(self, path: Path) -> None:
        self.receipts: list[tuple[str, int]] = []  # of acknowledged batches, with their number of records
        self.requests: list[Sequence[Change]] = []
        self._path = path
        self._changes: dict[Place, list[Change]] = defaultdict(list)
        self._verdicts: Counter[Verdict] = Counter()

    def __enter__(self) -> Self:
        self._file = self._path.open("ab")
        return self

    def __exit__(self, *_: object) -> None:
        self.sync()
        self._file.close()

    def sent(self, changes: Sequence[Change]) -> None:
        """Before a request leaves: until its answer comes, its outcome is unknown."""
        self.requests.append(changes)
        for change in changes:
            self._changes[change.place].append(change)
        self._verdicts[Verdict.UNKNOWN] += len(changes)
        self._write(changes)

    def settled(self, changes: Sequence[Change], verdict: Verdict, receipt: str | None = None) -> None:
        """The answer came."""
        moment = now()
        for change in changes:
            change.verdict = verdict
            if change.action is not Action.PUT:
                change.latest = moment
        self._verdicts[Verdict.UNKNOWN] -= len(changes)
        self._verdicts[verdict] += len(changes)
        if receipt is not None:
            self.receipts.append((receipt, len(changes)))
        self._write(changes)

    def broken(self, changes: Sequence[Change]) -> None:
        """No answer will come: whatever the service made of the request, it made it until now."""
        for change in changes:
            if change.action is not Action.PUT:
                change.latest = now()

    def sync(self) -> None:
        """Make the file durable."""
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def count(self, verdict: Verdict) -> int:
        """How many writes have a verdict."""
        return self._verdicts[verdict]

    def places(self) -> Iterable[Place]:
        """Everything that was ever written to."""
        return self._changes

    def acked(self, place: Place) -> list[Change]:
        """The acknowledged writes of a key, in the order they were sent."""
        return [change for change in self._changes.get(place, ()) if change.verdict is Verdict.ACKED]

    def is_newest(self, change: Change) -> bool:
        """Whether no other write of the key can hide what this one did."""
        sent = (other for other in self._changes[change.place] if other.verdict is not Verdict.REFUSED)
        return all(other is change or other.latest < change.earliest for other in sent)

    def fault(self, place: Place, record: Json | None) -> str | None:
        """Judge what the service shows of a key (None: nothing); a sentence where it cannot be right."""
        sent = [change for change in self._changes.get(place, ()) if change.verdict is not Verdict.REFUSED]
        if record is None:
            return _fault_of_absence(sent)
        marker = record[MARKERS[place[0]]]
        origin = next((c for c in sent if c.marker == marker and c.action is not Action.DELETE), None)
        if origin is None:
            return f"shows {marker!r}, which no write of this key has sent"
        newer = next((c for c in sent if c.verdict is Verdict.ACKED and c.earliest > origin.latest), None)
        if newer is not None:
            return Stale(f"shows {marker!r}, although {newer.marker!r} ({newer.action}) is newer and acknowledged")
        return _fault_of_content(record, origin, sent)

    def _write(self, changes: Sequence[Change]) -> None:
        self._file.write(b"".join(msgspec.json.encode(change) + b"\n" for change in changes))
        self._file.flush()


def _fault_of_absence(sent: Sequence[Change]) -> str | None:
    deletes = [change.latest for change in sent if change.action is Action.DELETE]
    last = max(deletes, default=-1)
    kept = next(
        (c for c in sent if c.verdict is Verdict.ACKED and c.action is not Action.DELETE and c.earliest > last), None
    )
    return f"is not there, although {kept.marker!r} ({kept.action}) was acknowledged" if kept else None


def _fault_of_content(record: Json, origin: Change, sent: Sequence[Change]) -> str | None:
    if origin.digest is not None and digest_of(origin.envelope, record) != origin.digest:
        return f"shows {origin.marker!r} with other content than was sent: {record}"
    if not origin.earliest <= moment_of(record["updated_at"]) <= origin.latest:
        return f"shows {origin.marker!r} with the time {record['updated_at']}"
    created = moment_of(record["created_at"])
    births = {c.created for c in sent if c.created is not None}
    acked = [c.created for c in sent if c.created is not None and c.verdict is Verdict.ACKED]
    if created not in births or created > min(acked, default=created):
        return f"shows {origin.marker!r} created at {record['created_at']}, not at the earliest time sent"
    return None

"""The pending view: what is acknowledged and not yet stored, by key."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime
from itertools import repeat
from typing import NamedTuple

import msgspec

from domain.model import revisions
from domain.model.frames import Frame
from domain.model.records import Record
from domain.services.schema import Outline, RecordSchema


class _Entry(NamedTuple):
    """The greatest pending version of a key."""

    updated_at: datetime
    revision: int
    created_at: datetime  # the earliest among the key's pending writes
    frame: Frame
    place: int
    last: int  # sequence behind which no pending frame names the key

    def merged(self, other: _Entry) -> _Entry:
        """The greater of two entries of one key."""
        winner = self if (self.updated_at, self.revision) >= (other.updated_at, other.revision) else other
        earliest = min(self.created_at, other.created_at)
        return winner._replace(created_at=earliest, last=max(self.last, other.last))


class _Waiting(NamedTuple):
    """A frame and what it put into the view."""

    frame: Frame
    keys: frozenset[str]
    parents: Counter[str]


class PendingView:
    """Received bytes with an index by key, for one lane; entries go when their last frame is applied."""

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._entries: dict[str, _Entry] = {}
        self._frames: deque[_Waiting] = deque()
        self._parents: Counter[str] = Counter()
        self._applied = 0
        self.weight = 0  # bytes, as ``Frame.weight`` counts them

    def add(self, frame: Frame, outline: Outline) -> None:
        """Show a durable frame; one that is applied already (the flush was faster) is ignored."""
        if frame.last <= self._applied:
            return
        fresh = self._fresh(frame, outline)
        for key in self._entries.keys() & fresh.keys():
            fresh[key] = self._entries[key].merged(fresh[key])
        self._entries.update(fresh)
        waiting = _Waiting(frame, frozenset(fresh), Counter(outline.parents))
        self._parents.update(waiting.parents)
        self.weight += frame.weight
        self._place(waiting)

    def applied(self, through: int) -> None:
        """Forget the frames whose records are all stored."""
        self._applied = max(self._applied, through)
        while self._frames and self._frames[0].frame.last <= through:
            self._forget(self._frames.popleft(), through)

    def get(self, key: str) -> Record | None:
        """The greatest pending version (a tombstone too) with the earliest pending ``created_at``."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        record = self._schema.record_at(entry.frame, entry.place)
        return msgspec.structs.replace(record, created_at=entry.created_at)

    def of_parent(self, parent: str) -> int:
        """Pending records of one owning record."""
        return self._parents[parent]

    def _fresh(self, frame: Frame, outline: Outline) -> dict[str, _Entry]:
        numbers = revisions.run(frame.first_revision, frame.count)
        columns = (outline.updated_at, numbers, outline.created_at, repeat(frame), range(frame.count))
        entries = list(map(_Entry, *columns, repeat(frame.last)))
        fresh = dict(zip(outline.keys, entries, strict=True))
        if len(fresh) < len(entries):
            for key, entry in zip(outline.keys, entries, strict=True):
                fresh[key] = fresh[key].merged(entry)
        return fresh

    def _place(self, waiting: _Waiting) -> None:
        """Keep the frames in order: a replay adds old ones behind new ones."""
        behind: list[_Waiting] = []
        while self._frames and self._frames[-1].frame.sequence > waiting.frame.sequence:
            behind.append(self._frames.pop())
        self._frames.append(waiting)
        self._frames.extend(reversed(behind))

    def _forget(self, waiting: _Waiting, through: int) -> None:
        entries = self._entries
        for key in waiting.keys:
            entry = entries.get(key)
            if entry is not None and entry.last <= through:
                del entries[key]
        self._parents.subtract(waiting.parents)
        for parent in waiting.parents:
            if not self._parents[parent]:
                del self._parents[parent]
        self.weight -= waiting.frame.weight

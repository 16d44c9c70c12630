"""The pending view: what is acknowledged and not yet stored, by key."""

from __future__ import annotations

from collections import Counter, deque
from itertools import repeat

import msgspec

from domain.model import revisions
from domain.model.frames import Frame
from domain.model.records import Record, Version
from domain.services.schema import Outline, RecordSchema


class _Waiting:
    """A frame that is not applied yet, with its outline."""

    __slots__ = ("frame", "outline", "parents")

    def __init__(self, frame: Frame, outline: Outline) -> None:
        self.frame = frame
        self.outline = outline
        self.parents = Counter(outline.parents)


_Place = tuple[_Waiting, int]
"""A pending write: its frame, and its index there."""


class PendingView:
    """Received bytes with an index by key, for one lane.

    The index holds the greatest pending write of each key; a key's other pending writes, which are rare, stand aside
    until their own frames are applied. So a frame enters and leaves at the speed of ``dict.update``.
    """

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._greatest: dict[str, _Place] = {}
        self._others: dict[str, list[_Place]] = {}
        self._frames: deque[_Waiting] = deque()
        self._parents: Counter[str] = Counter()
        self._applied = 0
        self.weight = 0  # bytes, as ``Frame.weight`` counts them

    def add(self, frame: Frame, outline: Outline) -> None:
        """Show a durable frame; one that is applied already (the flush was faster) is ignored."""
        if frame.last <= self._applied:
            return
        waiting = _Waiting(frame, outline)
        places = zip(repeat(waiting), range(frame.count), strict=False)
        fresh = dict(zip(outline.keys, places, strict=True))
        if len(fresh) == frame.count and self._greatest.keys().isdisjoint(fresh):
            self._greatest.update(fresh)
        else:
            for index, key in enumerate(outline.keys):
                self._put(key, (waiting, index))
        self._parents.update(waiting.parents)
        self.weight += frame.weight
        self._place(waiting)

    def applied(self, through: int) -> None:
        """Forget the frames whose records are all stored."""
        self._applied = max(self._applied, through)
        while self._frames and self._frames[0].frame.last <= through:
            self._forget(self._frames.popleft())

    def get(self, key: str) -> Record | None:
        """The greatest pending version (a tombstone too) with the earliest pending ``created_at``."""
        place = self._greatest.get(key)
        if place is None:
            return None
        waiting, index = place
        earliest = min(w.outline.created_at[i] for w, i in (place, *self._others.get(key, ())))
        return msgspec.structs.replace(self._schema.record_at(waiting.frame, index), created_at=earliest)

    def of_parent(self, parent: str) -> int:
        """Pending records of one owning record."""
        return self._parents[parent]

    def _put(self, key: str, place: _Place) -> None:
        former = self._greatest.get(key)
        if former is None:
            self._greatest[key] = place
            return
        greater, smaller = (place, former) if _version(place) > _version(former) else (former, place)
        self._greatest[key] = greater
        self._others.setdefault(key, []).append(smaller)

    def _place(self, waiting: _Waiting) -> None:
        """Keep the frames in order: a replay adds old ones behind new ones."""
        behind: list[_Waiting] = []
        while self._frames and self._frames[-1].frame.sequence > waiting.frame.sequence:
            behind.append(self._frames.pop())
        self._frames.append(waiting)
        self._frames.extend(reversed(behind))

    def _forget(self, waiting: _Waiting) -> None:
        if self._others:
            for key in set(waiting.outline.keys):
                self._drop(key, waiting)
        else:
            for key in waiting.outline.keys:
                del self._greatest[key]
        self._parents.subtract(waiting.parents)
        for parent in waiting.parents:
            if not self._parents[parent]:
                del self._parents[parent]
        self.weight -= waiting.frame.weight

    def _drop(self, key: str, waiting: _Waiting) -> None:
        """Take a key's writes of one frame out; what remains is shown, though the store may hold a greater one."""
        places = (self._greatest.pop(key), *self._others.pop(key, ()))
        remaining = sorted((place for place in places if place[0] is not waiting), key=_version)
        if remaining:
            self._greatest[key] = remaining.pop()
        if remaining:
            self._others[key] = remaining


def _version(place: _Place) -> Version:
    waiting, index = place
    return waiting.outline.updated_at[index], revisions.nth(waiting.frame.first_revision, index)

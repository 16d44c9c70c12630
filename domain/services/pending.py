"""The pending view: what is acknowledged and not yet stored, by key."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter

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


class PendingView:
    """Received bytes with an index by key, for one lane.

    The index holds the sequence of the greatest pending write of each key; other pending writes of a key, which are
    rare, stand aside until their frames are applied. So a frame enters and leaves at the speed of ``dict.update``, and
    the index is made of nothing that the garbage collector would have to walk.
    """

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._greatest: dict[str, int] = {}
        self._others: dict[str, list[int]] = {}
        self._frames: list[_Waiting] = []  # by sequence
        self._begins: list[int] = []  # their first sequences
        self._parents: Counter[str] = Counter()
        self._applied = 0
        self.weight = 0  # bytes, as ``Frame.weight`` counts them

    def add(self, frame: Frame, outline: Outline) -> None:
        """Show a durable frame; one that is applied already (the flush was faster) is ignored."""
        if frame.last <= self._applied:
            return
        waiting = _Waiting(frame, outline)
        place = bisect_right(self._begins, frame.sequence)  # at the end, but for a replay
        self._begins.insert(place, frame.sequence)
        self._frames.insert(place, waiting)
        fresh = dict(zip(outline.keys, range(frame.sequence, frame.last + 1), strict=True))
        if len(fresh) == frame.count and self._greatest.keys().isdisjoint(fresh):
            self._greatest.update(fresh)
        else:
            for sequence, key in enumerate(outline.keys, frame.sequence):
                self._put(key, sequence)
        self._parents.update(waiting.parents)
        self.weight += frame.weight

    def applied(self, through: int) -> None:
        """Forget the frames whose records are all stored."""
        self._applied = max(self._applied, through)
        done = 0
        while done < len(self._frames) and self._frames[done].frame.last <= through:
            self._forget(self._frames[done])
            done += 1
        del self._frames[:done], self._begins[:done]

    def get(self, key: str) -> Record | None:
        """The greatest pending version (a tombstone too) with the earliest pending ``created_at``."""
        sequence = self._greatest.get(key)
        if sequence is None:
            return None
        places = [self._place(each) for each in (sequence, *self._others.get(key, ()))]
        waiting, index = places[0]
        earliest = min(each.outline.created_at[i] for each, i in places)
        return msgspec.structs.replace(self._schema.record_at(waiting.frame, index), created_at=earliest)

    def of_parent(self, parent: str) -> int:
        """Pending records of one owning record."""
        return self._parents[parent]

    def _place(self, sequence: int) -> tuple[_Waiting, int]:
        waiting = self._frames[bisect_right(self._begins, sequence) - 1]
        return waiting, sequence - waiting.frame.sequence

    def _version(self, sequence: int) -> Version:
        waiting, index = self._place(sequence)
        return waiting.outline.updated_at[index], revisions.nth(waiting.frame.first_revision, index)

    def _put(self, key: str, sequence: int) -> None:
        former = self._greatest.setdefault(key, sequence)
        if former == sequence:
            return
        smaller, greater = sorted((former, sequence), key=self._version)
        self._greatest[key] = greater
        self._others.setdefault(key, []).append(smaller)

    def _forget(self, waiting: _Waiting) -> None:
        if self._others:
            for key in set(waiting.outline.keys):
                self._drop(key, waiting.frame.last)
        else:
            for key in waiting.outline.keys:
                del self._greatest[key]
        self._parents.subtract(waiting.parents)
        for parent in waiting.parents:
            if not self._parents[parent]:
                del self._parents[parent]
        self.weight -= waiting.frame.weight

    def _drop(self, key: str, through: int) -> None:
        """Take a key's writes up to a record out; what remains is shown, though the store may hold a greater one."""
        sequences = (self._greatest.pop(key), *self._others.pop(key, ()))
        remaining = sorted((each for each in sequences if each > through), key=self._version)
        if remaining:
            self._greatest[key] = remaining.pop()
        if remaining:
            self._others[key] = remaining

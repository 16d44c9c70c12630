"""The pending view: what is acknowledged and not yet stored, by key."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import chain

import msgspec

from domain.model import revisions
from domain.model.frames import Frame
from domain.model.records import Record, Version
from domain.services.schema import Outline, RecordSchema

_NOTHING = Outline(keys=(), created_at=(), updated_at=(), parents=())


class _Waiting:
    """A frame that is not applied yet, with its outline."""

    __slots__ = ("frame", "outline")

    def __init__(self, frame: Frame, outline: Outline) -> None:
        self.frame = frame
        self.outline = outline


class PendingView:
    """Received bytes with an index by key, for one lane.

    The index holds the sequence of the greatest pending write of each key; other pending writes of a key, which are
    rare, stand aside until their frames are applied. So a frame enters and leaves at the speed of ``dict.update``, and
    the index is made of nothing that the garbage collector would have to walk.
    """

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._applied = 0
        self._clear()

    def _clear(self) -> None:
        self._greatest: dict[str, int] = {}
        self._others: dict[str, list[int]] = {}
        self._frames: list[_Waiting] = []  # by sequence
        self._begins: list[int] = []  # their first sequences
        self._parents: Counter[str] = Counter()
        self.weight = 0  # bytes, as ``Frame.weight`` counts them

    def add(self, frame: Frame, outline: Outline) -> None:
        """Show a durable frame; one that is applied already (the flush was faster) is ignored."""
        if frame.last > self._applied:
            self._take(_Waiting(frame, outline))

    def conceal(self, frame: Frame) -> None:
        """Count a durable frame that nobody may see before its flush has judged it."""
        if frame.last > self._applied:
            self._take(_Waiting(frame, _NOTHING))

    def _take(self, waiting: _Waiting) -> None:
        try:
            self._keep(waiting)
            self._show(waiting)
        except MemoryError:  # half of a frame would end the drain when it is forgotten
            kept = [other for other in self._frames if other is not waiting]
            self._clear()
            for other in kept:
                self._keep(other)
                self._show(other)
            raise

    def _show(self, waiting: _Waiting) -> None:
        frame, outline = waiting.frame, waiting.outline
        fresh = dict(zip(outline.keys, range(frame.sequence, frame.last + 1), strict=False))
        if len(fresh) == len(outline.keys) and self._greatest.keys().isdisjoint(fresh):
            self._greatest.update(fresh)
        else:
            for sequence, key in enumerate(outline.keys, frame.sequence):
                self._put(key, sequence)

    def applied(self, through: int) -> None:
        """Forget the frames whose records are all stored."""
        self._applied = max(self._applied, through)
        done = bisect_right(self._frames, through, key=lambda waiting: waiting.frame.last)
        gone = self._frames[:done]
        if gone:
            keys = chain.from_iterable(waiting.outline.keys for waiting in gone)
            self._forget_keys(keys, gone[-1].frame.last)
            del self._frames[:done], self._begins[:done]
        for waiting in gone:
            self._forget_parents(Counter(waiting.outline.parents))
            self.weight -= waiting.frame.weight

    @property
    def oldest(self) -> datetime | None:
        """When the first frame that waits was accepted."""
        return self._frames[0].frame.accepted_at if self._frames else None

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

    def _keep(self, waiting: _Waiting) -> None:
        place = bisect_right(self._begins, waiting.frame.sequence)  # at the end, but for a replay
        self._begins.insert(place, waiting.frame.sequence)
        self._frames.insert(place, waiting)
        self._parents.update(waiting.outline.parents)
        self.weight += waiting.frame.weight

    def _forget_keys(self, keys: Iterable[str], through: int) -> None:
        """All at once: a key that is written again and again is then looked at once a batch."""
        if self._others:
            for key in set(keys):
                self._drop(key, through)
        else:
            for key in keys:
                del self._greatest[key]

    def _drop(self, key: str, through: int) -> None:
        """Take a key's writes up to a record out; what remains is shown, though the store may hold a greater one."""
        sequences = (self._greatest.pop(key), *self._others.pop(key, ()))
        remaining = [each for each in sequences if each > through]
        if remaining:
            self._greatest[key] = greatest = max(remaining, key=self._version)
            remaining.remove(greatest)
        if remaining:
            self._others[key] = remaining

    def _forget_parents(self, parents: Counter[str]) -> None:
        self._parents.subtract(parents)
        for parent in parents:
            if not self._parents[parent]:
                del self._parents[parent]

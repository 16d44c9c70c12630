"""The reading end of a lane: its segments, their indexes, and the readers' watermarks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from queue import Empty, SimpleQueue

from adapters.journal.files import Files
from adapters.journal.format import Codec, moment
from adapters.journal.index import Index
from adapters.journal.quarantine import Quarantine
from adapters.journal.recovery import Recovered
from adapters.journal.segments import Damaged, Segment
from adapters.journal.watermark import MARK_BYTES, Watermark
from adapters.journal.writer import Group, segment_name
from domain.model.frames import BufferDepth, Frame

MOST_INDEXES = 4  # besides the one of the newest segment
_MARK = ".mark"


class Shelf:
    """Used by one thread; only ``publish`` may come from another. Methods raise OSError."""

    def __init__(
        self, files: Files, codec: Codec, folder: Path, lane: str, readers: Sequence[str], quarantine: Quarantine
    ) -> None:
        self._files = files
        self._codec = codec
        self._folder = folder
        self._quarantine = quarantine
        self._lane = lane
        self._readers = readers
        self._marks: dict[str, Watermark] = {}
        self._published: SimpleQueue[Group] = SimpleQueue()
        self._segments: list[Segment] = []
        self._indexed: list[Segment] = []  # least recently used first, without the newest segment
        self.head = 0

    @property
    def payload_total(self) -> int:
        """Payload bytes of the lane through the last frame."""
        return self._index(self._segments[-1]).payload_total if self._segments else 0

    def open(self, recovered: Recovered) -> None:
        """Take over what a start found; read the watermarks, free what all readers have passed."""
        self._segments = recovered.segments
        self._open_marks()
        self.head = max([recovered.head, *(mark.through for mark in self._marks.values())])
        self._note_missing_first()
        self._free()
        self._note_missing_between()

    def _note_missing_first(self) -> None:
        """Report segments that are gone though a reader had not passed them."""
        known = all(mark.found for mark in self._marks.values())
        passed = min(mark.through for mark in self._marks.values())
        if self._segments and known and self._segments[0].first > passed + 1:
            lost = f"records {passed + 1}..{self._segments[0].first - 1} are missing"
            self._quarantine.note(self._segments[0].path.name, 0, 0, lost)

    def _note_missing_between(self) -> None:
        """Report gaps between the segments that are still needed; of freed ones any may be gone after a crash."""
        for one, following in pairwise(self._segments):
            if following.id > one.id + 1:
                self._quarantine.note(segment_name(one.id + 1), 0, 0, f"missing before segment {following.id}")

    def _open_marks(self) -> None:
        names = set(self._files.list_directory(self._folder))
        for reader in self._readers:
            name = reader + _MARK
            owner = f"{self._lane}/{reader}"
            mark = Watermark.open(self._files, self._folder / name, owner, exists=name in names)
            self._marks[reader] = mark
            names.discard(name)
            if not mark.found and self._segments:  # what is gone before the first segment was passed, not lost
                mark.through = self._segments[0].first - 1
            if mark.damaged:
                self._quarantine.note(name, 0, MARK_BYTES, "no valid watermark: replaying from the first segment")
        for stale in names:
            if stale.endswith(_MARK):
                self._files.unlink(self._folder / stale)
        self._files.fsync_directory(self._folder)

    def publish(self, group: Group) -> None:
        """Show readers a group that is durable; from any thread."""
        self._published.put(group)

    def read(self, after: int, max_bytes: int) -> list[Frame]:
        """Frames behind ``after`` out of one segment: at most ``max_bytes`` of payload, at least one frame."""
        self._receive()
        for segment in self._from(after):
            index = self._index(segment)
            while (start := index.behind(after)) < len(index):
                frames = self._frames(segment, index, start, index.portion(start, max_bytes))
                if frames:
                    return frames
        return []

    def _frames(self, segment: Segment, index: Index, start: int, stop: int) -> list[Frame]:
        frames = []
        for item in segment.frames(index, start, stop):
            if isinstance(item, Damaged):
                entry = item.entry
                self._set_aside(segment, entry.offset, entry.end, item.reason)
                index.drop(entry.offset)
            else:
                frames.append(item)
        return frames

    def commit(self, reader: str, through: int) -> None:
        """Move a reader's watermark durably, then free what all readers have passed."""
        self._receive()
        mark = self._marks[reader]
        through = min(through, self.head)
        if through > mark.through:
            mark.move(through)
            self._free()

    def depth(self, reader: str) -> BufferDepth:
        """What waits for a reader; where nothing can be read any more, nothing waits."""
        self._receive()
        through, quarantined = self._marks[reader].through, self._quarantine.count
        found = self._next(through)
        if found is None:
            return BufferDepth(
                head=self.head, committed=self.head, payload_bytes=0, oldest_accepted_at=None, quarantined=quarantined
            )
        index, place = found
        return BufferDepth(
            head=self.head,
            committed=through,
            payload_bytes=self.payload_total - index.payload_before(place),
            oldest_accepted_at=moment(index[place].accepted),
            quarantined=quarantined,
        )

    def _next(self, through: int) -> tuple[Index, int] | None:
        """The first readable frame behind a record: its index, and its place there."""
        for segment in self._from(through):
            index = self._index(segment)
            place = index.behind(through)
            if place < len(index):
                return index, place
        return None

    def _passed(self, through: int) -> int:
        """The last record that a reader is done with: a gap behind its watermark can never be read."""
        found = self._next(through)
        if found is None:
            return self.head
        index, place = found
        return max(through, index[place].first - 1)

    def close(self) -> None:
        """Release every file."""
        for segment in self._segments:
            segment.release()
        for mark in self._marks.values():
            mark.close()

    def _receive(self) -> None:
        while True:
            try:
                group = self._published.get_nowait()
            except Empty:
                return
            newest = self._segments[-1] if self._segments else None
            if newest is None or newest.id != group.segment.id:
                newest = self._start(group)
            index = self._index(newest)
            for entry in group.entries:
                index.add(entry)
            self.head = group.entries[-1].last

    def _start(self, group: Group) -> Segment:
        header = group.segment
        if self._segments:
            self._remember(self._segments[-1])
        path = self._folder / segment_name(header.id)
        segment = Segment(
            self._files, self._codec, path, id=header.id, first=header.first, payload_before=header.payload_before
        )
        segment.index = Index(header.payload_before)
        self._segments.append(segment)
        return segment

    def _from(self, after: int) -> Iterator[Segment]:
        """The segments that may hold records behind ``after``."""
        place = bisect_right(self._segments, after + 1, key=lambda segment: segment.first)
        return iter(self._segments[max(0, place - 1) :])

    def _index(self, segment: Segment) -> Index:
        if segment is not self._segments[-1]:
            self._remember(segment)
        if segment.index is not None:
            return segment.index
        index, holes = segment.load()
        for hole in holes:
            self._set_aside(segment, hole.offset, hole.end, hole.reason)
        return index

    def _remember(self, segment: Segment) -> None:
        if segment in self._indexed:
            self._indexed.remove(segment)
        self._indexed.append(segment)
        if len(self._indexed) > MOST_INDEXES:
            self._indexed.pop(0).release()

    def _set_aside(self, segment: Segment, offset: int, end: int, reason: str) -> None:
        self._quarantine.keep(segment.window(), segment.path.name, offset, end, reason)

    def _free(self) -> None:
        passed = {reader: self._passed(mark.through) for reader, mark in self._marks.items()}
        if len(self._segments) < 2 or self._segments[1].first > min(passed.values()) + 1:
            return
        for reader, through in passed.items():
            if through > self._marks[reader].through:  # passed a gap: later starts must not take it for a loss
                self._marks[reader].move(through)
        while len(self._segments) > 1 and self._segments[1].first <= min(passed.values()) + 1:
            segment = self._segments.pop(0)
            if segment in self._indexed:
                self._indexed.remove(segment)
            segment.release()
            self._files.unlink(segment.path)
        self._files.fsync_directory(self._folder)

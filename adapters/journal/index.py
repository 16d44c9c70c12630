"""Where the frames of one segment stand: 48 bytes of memory a frame."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A frame's place."""

    first: int  # sequence of its first record
    last: int  # sequence of its last record
    offset: int  # where it begins in its segment
    end: int  # where it ends
    payload_bytes: int
    accepted: int  # microseconds since 1970


class Index:
    """The places of a segment's frames, in order."""

    def __init__(self, payload_before: int) -> None:
        """``payload_before``: payload bytes of the lane before this segment."""
        self._before = payload_before
        self._firsts = array("Q")
        self._lasts = array("Q")
        self._offsets = array("Q")
        self._ends = array("Q")
        self._payload = array("Q")  # payload bytes of the lane through this frame
        self._accepted = array("q")

    def __len__(self) -> int:
        return len(self._lasts)

    def add(self, entry: Entry) -> None:
        """Append a frame."""
        self._firsts.append(entry.first)
        self._lasts.append(entry.last)
        self._offsets.append(entry.offset)
        self._ends.append(entry.end)
        self._payload.append(self.payload_total + entry.payload_bytes)
        self._accepted.append(entry.accepted)

    def __getitem__(self, place: int) -> Entry:
        return Entry(
            self._firsts[place],
            self._lasts[place],
            self._offsets[place],
            self._ends[place],
            self._payload[place] - self.payload_before(place),
            self._accepted[place],
        )

    @property
    def payload_total(self) -> int:
        """Payload bytes of the lane through the last frame."""
        return self._payload[-1] if self._payload else self._before

    def payload_before(self, place: int) -> int:
        """Payload bytes of the lane before a frame."""
        return self._payload[place - 1] if place else self._before

    def behind(self, sequence: int) -> int:
        """Place of the first frame whose last record is behind ``sequence``."""
        return bisect_right(self._lasts, sequence)

    def portion(self, place: int, max_bytes: int) -> int:
        """Place behind the frames that ``max_bytes`` of payload hold, from ``place`` on; at least one frame."""
        bound = bisect_right(self._payload, self.payload_before(place) + max_bytes)
        return min(max(bound, place + 1), len(self))

    def cut(self, offset: int) -> None:
        """Forget the frames that begin at ``offset`` or later."""
        self._keep(slice(bisect_left(self._offsets, offset)))

    def drop(self, offset: int) -> None:
        """Forget the frame at ``offset``; its payload stays counted until the reader has passed it."""
        place = bisect_left(self._offsets, offset)
        for column in self._columns():
            del column[place]

    def _keep(self, places: slice) -> None:
        for column in self._columns():
            column[:] = column[places]

    def _columns(self) -> tuple[array[int], ...]:
        return self._firsts, self._lasts, self._offsets, self._ends, self._payload, self._accepted

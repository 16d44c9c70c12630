"""The trace of a batch: one for all of its tries, linked to the requests whose records it has."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from domain.model.frames import Frame
from domain.model.tracing import CURRENT, Trace
from ports.ambient import Clock, Ids

MOST_LINKS = 128
_SAMPLED = "-01"  # at the end of a traceparent as frames have it


class BatchTrace:
    """Of the batch that a lane has in hand; what its task observes meanwhile belongs to it."""

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock
        self._trace: Trace | None = None
        self._begun = 0.0
        self.links: tuple[str, ...] = ()
        self.waiting = 0  # records in the pending log when it was tried last

    def begin(self, frames: Iterable[Frame], waiting: int) -> None:
        """A batch is tried, for the first time or again."""
        if self._trace is None:
            self._trace, self._begun = self._ids.trace(), self._clock.monotonic()
        self.links, self.waiting = links_of(frames), waiting
        self._trace = msgspec.structs.replace(self._trace, sampled=bool(self.links))
        CURRENT.set(self._trace)

    @property
    def seconds(self) -> float:
        """Since the first try began."""
        return self._clock.monotonic() - self._begun

    def end(self) -> None:
        """Nothing is in hand: what the task observes from here on belongs to no trace."""
        self._trace = None
        CURRENT.set(None)


def links_of(frames: Iterable[Frame]) -> tuple[str, ...]:
    """The traceparents of the first requests that are traced, each once."""
    traced = (trace for frame in frames if (trace := frame.headers.trace) is not None and trace.endswith(_SAMPLED))
    distinct = dict.fromkeys(islice(traced, 8 * MOST_LINKS))  # the parts of a streamed request have one trace
    return tuple(islice(distinct, MOST_LINKS))


def sender_of(frames: Sequence[Frame], sequence: int) -> Trace | None:
    """The trace of the request that brought a record, by its sequence; ``frames``: in order."""
    place = bisect_right(frames, sequence, key=lambda frame: frame.sequence) - 1
    return Trace.parsed(frames[place].headers.trace) if place >= 0 and sequence <= frames[place].last else None

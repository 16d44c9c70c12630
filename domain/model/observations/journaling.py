"""The pending log."""

from __future__ import annotations

from domain.model.observations.root import Observed


class BufferMeasured(Observed, frozen=True, kw_only=True, tag=True):
    """How much of a collection waits."""

    collection: str
    noun: str
    records: int
    payload_bytes: int
    oldest_seconds: float = 0.0  # for which the oldest record waits
    weight: int = 0  # bytes that it counts for in the bound
    bound: int = 0  # of all collections together


class FrameQuarantined(Observed, frozen=True, kw_only=True, tag=True):
    """A damaged frame was set aside; the log goes on behind it."""

    lane: str
    segment: str
    offset: int
    size: int
    reason: str


class TornTailCut(Observed, frozen=True, kw_only=True, tag=True):
    """An unfinished write at the end of the log was cut at the start: normal after a crash."""

    lane: str
    segment: str
    offset: int


class JournalBroken(Observed, frozen=True, kw_only=True, tag=True):
    """The log's disk failed; the service acknowledges nothing more and stops."""

    lane: str
    detail: str


class BufferLost(Observed, frozen=True, kw_only=True, tag=True):
    """The shared log came back empty; it goes on with numbers that were never given."""

    lane: str
    partition: int
    records: int  # that this process knows of, and that were not applied


class PartitionTaken(Observed, frozen=True, kw_only=True, tag=True):
    """This worker drains a partition from here on."""

    collection: str
    partition: int


class PartitionLost(Observed, frozen=True, kw_only=True, tag=True):
    """This worker was too slow to hold a partition, which another one may take."""

    collection: str
    partition: int


class LogReplayed(Observed, frozen=True, kw_only=True, tag=True):
    """The pending records of a former run are indexed; reads, flush and restore are open."""

    collection: str
    records: int
    seconds: float

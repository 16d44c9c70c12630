"""Frames: what the pending log holds. One frame is what one request (or one part of a stream) was acknowledged for."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

import msgspec

PARTITION_SHIFT = 48  # bits of a sequence below its partition's number
FRAME_WEIGHT = 512  # bytes that a frame counts for in the pending log's bound, beside its payload ...
RECORD_WEIGHT = 256  # ... and each of its records: what the index of the pending view needs for them


class FrameKind(IntEnum):
    """What a frame's payload is."""

    WRITE = 1  # a JSON array of whole records, as received
    DELETE = 2  # a JSON array of tombstones: key, created_at, updated_at


class FrameHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """What travels with a payload. Absent headers cost nothing; types of a newer release are kept unread."""

    base_revisions: tuple[int, ...] = ()  # one per record: a conditional frame
    fence: int | None = None  # of the writer's lease
    idempotency_key: str | None = None  # operation and key, parted by the last blank; the caller is the principal
    body_digest: bytes | None = None  # SHA-256 of the request, or of this part of it, beside the key
    part: int = 0  # which part of the request the frame is, beside the key
    epoch: int = 0  # of its receipt, beside the key
    keys: tuple[str, ...] = ()  # of its records, beside the key, where the request names more than it wrote
    verdicts: bool = False  # somebody waits for what becomes of each record
    principal: str | None = None  # who wrote
    trace: str | None = None  # W3C traceparent of the request
    validator: int = 1  # version of the rules that the records passed
    unknown: tuple[tuple[int, bytes], ...] = ()  # (type, value) of headers that this release does not know


class FrameDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A frame before the log gave it a place."""

    accepted_at: datetime  # aware, UTC; the default of the records' times
    first_revision: int  # record i has ``revisions.nth(first_revision, i)``
    count: int  # records in the payload
    payload: bytes
    kind: FrameKind = FrameKind.WRITE
    headers: FrameHeaders = FrameHeaders()

    @property
    def weight(self) -> int:
        """Bytes that the frame counts for in the pending log's bound."""
        return len(self.payload) + FRAME_WEIGHT + RECORD_WEIGHT * self.count

    def at(self, sequence: int) -> Frame:
        """The frame in the log, where its first record has a sequence."""
        return Frame(
            accepted_at=self.accepted_at,
            first_revision=self.first_revision,
            count=self.count,
            payload=self.payload,
            kind=self.kind,
            headers=self.headers,
            sequence=sequence,
        )


class Frame(FrameDraft, frozen=True, kw_only=True):
    """A frame in the log."""

    sequence: int  # of its first record: records are numbered within a lane and partition, without a gap

    @property
    def last(self) -> int:
        """Sequence of the frame's last record; the next frame begins at ``last + 1``."""
        return self.sequence + self.count - 1


def numbered(partition: int, number: int) -> int:
    """The sequence of a partition's record ``number``: it tells the partition, so that none in the lane is its like."""
    return partition << PARTITION_SHIFT | number


def partition_of(sequence: int) -> int:
    """The partition that a sequence belongs to."""
    return max(0, sequence) >> PARTITION_SHIFT


def number_in(partition: int, sequence: int) -> int:
    """A sequence's number within its partition."""
    return sequence - numbered(partition, 0)


class Position(msgspec.Struct, frozen=True):
    """The records ``first..last`` of a lane's partition."""

    partition: int
    first: int
    last: int


class BufferDepth(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a lane waits for its slowest reader."""

    head: int  # sequence of the newest record, which may still be on its way to the disk; 0 before the first
    committed: int  # last record of the longest applied prefix
    payload_bytes: int  # of the frames after ``committed``
    oldest_accepted_at: datetime | None  # None when nothing waits
    quarantined: int = 0  # damaged frames set aside since the log was opened

    @property
    def records(self) -> int:
        """Records that wait; derived, so that it cannot drift from the log."""
        return self.head - self.committed

    @property
    def weight(self) -> int:
        """About as many bytes as what waits counts for in the pending log's bound; how many frames is not known."""
        return self.payload_bytes + RECORD_WEIGHT * self.records

"""Frames: what the pending log holds. One frame is what one request (or one part of a stream) was acknowledged for."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

import msgspec

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
    idempotency_key: str | None = None
    body_digest: bytes | None = None  # SHA-256 of the request body, beside the key
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


class Frame(FrameDraft, frozen=True, kw_only=True):
    """A frame in the log."""

    sequence: int  # of its first record: records are numbered from 1 within a lane and partition, without a gap

    @property
    def last(self) -> int:
        """Sequence of the frame's last record; the next frame begins at ``last + 1``."""
        return self.sequence + self.count - 1


class Position(msgspec.Struct, frozen=True):
    """The records ``first..last`` of a lane's partition."""

    partition: int
    first: int
    last: int


class BufferDepth(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a lane waits for its slowest reader."""

    head: int  # sequence of the newest record, 0 before the first
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

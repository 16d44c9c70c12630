"""Idempotency keys: what a caller names a request by, so that sending it again does nothing twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

import msgspec

from domain.model.frames import Frame
from domain.model.receipts import Receipt
from domain.model.revisions import instance_of

KEPT = timedelta(hours=24)  # how long a key is remembered
MAX_KEY_LENGTH = 255  # visible ASCII characters
NO_DIGEST = b""


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A key is a caller's own, and counts for one operation."""

    caller: str  # empty: nobody in particular
    operation: str  # method and route, such as ``POST /api/v1/translation/tasks/batch``
    text: str  # visible ASCII, no blank

    @property
    def scoped(self) -> str:
        """Operation and text, as the header of a frame has them; the caller is in another header."""
        return f"{self.operation} {self.text}"


class KeyedPart(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of which request a frame is. Most requests have one part; a stream has as many as it needs."""

    key: IdempotencyKey
    number: int  # from 0
    digest: bytes  # SHA-256 of the part as it was sent
    keys: tuple[str, ...] = ()  # of the frame's records, where its request names more than it wrote


class KeyedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a request under a key that is in the log, or was."""

    part: KeyedPart
    lane: str
    epoch: int
    first: int  # sequence of its first record
    last: int
    first_revision: int
    accepted_at: datetime

    @classmethod
    def of(cls, lane: str, frame: Frame) -> Self | None:
        """What a frame says of itself; None where its request had no key."""
        headers = frame.headers
        if headers.idempotency_key is None:
            return None
        operation, _, text = headers.idempotency_key.rpartition(" ")
        key = IdempotencyKey(headers.principal or "", operation, text)
        return cls(
            part=KeyedPart(key=key, number=headers.part, digest=headers.body_digest or NO_DIGEST, keys=headers.keys),
            lane=lane,
            epoch=headers.epoch,
            first=frame.sequence,
            last=frame.last,
            first_revision=frame.first_revision,
            accepted_at=frame.accepted_at,
        )

    @property
    def receipt(self) -> Receipt:
        """The receipt that the request was answered with."""
        return Receipt(instance_of(self.first_revision), self.lane, self.epoch, self.first, self.last)

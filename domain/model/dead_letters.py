"""Dead letters: records that their backend refuses, kept whole until someone replays or purges them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

import msgspec

from domain.errors import DeadLetterNotFound
from domain.model.frames import FrameKind
from domain.model.records import Verdict

LETTER_WEIGHT = 512  # bytes that a letter counts for in the bound of its store, beside its record
PAGE_BYTES = 8 * 1024 * 1024  # of letters that are found at a time, but for one
_TEXT = re.compile(r"([a-z][a-z0-9_]{0,62})\.(\d{1,19})\.(\d{1,19})", re.ASCII)
_LONGEST = 2**63 - 1


class LetterId(msgspec.Struct, frozen=True, order=True):
    """``lane.sequence.revision``: a place in the log, and the record: a log that was thrown away begins again at 1."""

    lane: str
    sequence: int  # of the record; a receipt counts by it too
    revision: int  # 0 where no record is left

    def __str__(self) -> str:
        """The opaque text of the API."""
        return f"{self.lane}.{self.sequence}.{self.revision}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an id's text. Raises DeadLetterNotFound."""
        match = _TEXT.fullmatch(text)
        if match is None or max(int(match[2]), int(match[3])) > _LONGEST:
            raise DeadLetterNotFound(f"{text[:120]!r} is not the id of a dead letter.")
        return cls(match[1], int(match[2]), int(match[3]))


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that its backend refuses, whole, with the reason."""

    lane: str
    sequence: int
    revision: int
    key: str
    record: bytes  # JSON, as received; empty where the log's frame was damaged
    accepted_at: str  # RFC 3339
    failed_at: str  # RFC 3339, UTC: compares as text
    code: str
    detail: str
    kind: FrameKind = FrameKind.WRITE  # what the record is
    base_revision: int | None = None  # that a conditional write builds on

    @property
    def id(self) -> LetterId:
        """What names it."""
        return LetterId(self.lane, self.sequence, self.revision)

    @property
    def weight(self) -> int:
        """Bytes that it counts for in the bound of its store."""
        return len(self.record) + LETTER_WEIGHT

    @property
    def is_replayable(self) -> bool:
        """Whether there is a record to replay."""
        return bool(self.record and self.revision)


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters; what is None does not matter."""

    lane: str | None = None
    code: str | None = None
    key: str | None = None
    before: str | None = None  # failed before this time


EVERY_LETTER = LetterFilter()


class LetterCause(msgspec.Struct, frozen=True):
    """How many letters of a lane have the same reason."""

    lane: str
    code: str
    records: int
    weight: int  # bytes, as the bound counts them


class LetterBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Where the store is full. It takes the letters of one more batch as long as it is below."""

    max_records: int = 100_000
    max_bytes: int = 256 * 1024 * 1024  # records + 512 bytes each

    def are_reached(self, records: int, weight: int) -> bool:
        """Whether so much fills the store."""
        return records >= self.max_records or weight >= self.max_bytes


class LetterLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How full the store is."""

    records: int
    weight: int
    bounds: LetterBounds

    @property
    def is_full(self) -> bool:
        """Whether collections wait for room in it."""
        return self.bounds.are_reached(self.records, self.weight)

    def __str__(self) -> str:
        """For sentences."""
        bounds = self.bounds
        return f"{self.records} of {bounds.max_records} letters, {self.weight} of {bounds.max_bytes} bytes"


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a letter's record."""

    letter: DeadLetter
    receipt: str
    sequence: int  # its new place in the log
    revision: int
    verdict: Verdict | None  # None: it waits for its backend
    code: str = ""
    detail: str = ""

    @property
    def new_id(self) -> LetterId | None:
        """Where the record stands if it was refused again."""
        if self.verdict is not Verdict.DEAD_LETTERED:
            return None
        return LetterId(self.letter.lane, self.sequence, self.revision)


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a page of letters that were replayed together."""

    verdicts: Mapping[str, int]  # of those that left; "pending": not told in time
    kept: int  # that could not even be journaled: today's rules refuse them, or nothing is left of them
    last: LetterId | None  # go on behind it; None where that was all
    before: str  # only letters that failed before this time: what was refused again waits for another sweep

"""Records and what becomes of a write of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Value = str | int | None
"""A stored field value: text (also identifiers, choices and the JSON text of objects), integer, or null."""

Version = tuple[datetime, int]
"""``(updated_at, revision)``: the greater pair wins, an equal pair is a replay, a smaller one is stale."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a collection as it is written, pending or stored; a tombstone where ``deleted_at`` is set."""

    values: tuple[Value, ...]  # in the order of ``Collection.data_fields``; the first is the key
    created_at: datetime  # aware, UTC; the earliest among all acknowledged writes of the key
    updated_at: datetime  # aware, UTC; first half of the version
    revision: int  # given at acceptance; second half of the version
    deleted_at: datetime | None = None  # set on a tombstone, which no answer shows

    @property
    def key(self) -> str:
        """The record's key within its collection."""
        return self.values[0]  # type: ignore[return-value]  # the first data field is the key, a string

    @property
    def version(self) -> Version:
        """What decides between two writes of one key."""
        return (self.updated_at, self.revision)

    @property
    def tag(self) -> str:
        """Opaque text of this exact state (revision and ``created_at``), the inside of an ETag."""
        return f"{self.revision:x}-{(self.created_at - EPOCH) // MICROSECOND:x}"


def greater(one: Record, other: Record) -> Record:
    """The winner of two writes of one key: the greater version, with the earlier ``created_at`` of both."""
    winner, loser = (one, other) if one.version >= other.version else (other, one)
    if loser.created_at < winner.created_at:
        return msgspec.structs.replace(winner, created_at=loser.created_at)
    return winner


class Verdict(StrEnum):
    """What became of one accepted write."""

    STORED = "stored"  # it is, or was, the stored state (a replay of an equal version too)
    SUPERSEDED = "superseded"  # a later write of the same key in the same batch won
    STALE = "stale"  # a greater version was already stored
    CONFLICT = "conflict"  # a conditional write whose base was no longer the current one
    FENCED = "fenced"  # written by a former lease holder
    DEAD_LETTERED = "dead_lettered"  # the backend refuses it; it waits in the dead letters
    DISCARDED = "discarded"  # refused, and the collection chose to discard


class ConditionalWrite(msgspec.Struct, frozen=True, gc=False):
    """A whole record to be stored only while ``base_revision`` is still the current one."""

    record: Record
    base_revision: int


class WriteResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend did with a batch."""

    applied: int  # records now reflected in the store (stored, superseded or stale)
    verdicts: tuple[Verdict, ...] | None = None  # one per record, in order; only when asked for
    buried: tuple[str, ...] = ()  # keys whose stored tombstone is newer than the record


class HealthStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A backend's answer to a probe."""

    healthy: bool
    detail: str  # server and version when healthy, else the reason in one sentence
    latency_seconds: float

"""Receipts: where an acknowledged request stands in the log, and what became of it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Self

import msgspec

from domain.errors import ReceiptNotFound
from domain.model.records import Verdict

_TEXT = re.compile(r"(\d{1,4})\.([a-z][a-z0-9_]{0,62})\.(\d{1,18})\.(\d{1,18})-(\d{1,18})", re.ASCII)


class Receipt(msgspec.Struct, frozen=True):
    """``instance.lane.epoch.first-last``: the records that one request was acknowledged for, by sequence."""

    instance: int
    lane: str
    epoch: int  # new at each opening of the journal
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many records the request was acknowledged for."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        """The opaque text of the API."""
        return f"{self.instance}.{self.lane}.{self.epoch}.{self.first}-{self.last}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a receipt's text. Raises ReceiptNotFound."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ReceiptNotFound(f"{text[:80]!r} is not a receipt.")
        instance, lane, epoch, first, last = match.groups()
        return cls(int(instance), lane, int(epoch), int(first), int(last))


class ReceiptState(StrEnum):
    """Where the whole of a request stands."""

    PENDING = "pending"
    APPLIED = "applied"
    LOST = "lost"  # acknowledged with ack=accepted and cut away by a crash


class WriteException(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was acknowledged and not applied, with the reason."""

    lane: str
    sequence: int  # of the record
    key: str
    verdict: Verdict
    code: str  # stable word for the reason
    detail: str


class ReceiptStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "what became of it?"."""

    receipt: Receipt
    state: ReceiptState
    exceptions: tuple[WriteException, ...] = ()


class Epoch(msgspec.Struct, frozen=True):
    """One opening of a lane: the numbers it gave begin at ``first_sequence``."""

    number: int
    first_sequence: int

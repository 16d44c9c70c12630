"""What a batch is made of: frames cut to size, the greatest version per key, sorted by key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from domain.model.collections import Collection
from domain.model.frames import Frame
from domain.model.policies import BufferPolicy
from domain.model.receipts import DeadLetter, WriteException
from domain.model.records import Record, Verdict, greater
from domain.model.revisions import nth, run
from domain.services.schema import RecordSchema, raw_records


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive frames that are applied together; conditional ones never share a batch with others."""

    frames: tuple[Frame, ...]

    @property
    def count(self) -> int:
        """Records in the frames."""
        return sum(frame.count for frame in self.frames)

    @property
    def through(self) -> int:
        """Sequence of the last record."""
        return self.frames[-1].last

    @property
    def conditional(self) -> bool:
        """Whether the records build on base revisions."""
        return bool(self.frames[0].headers.base_revisions)


def cut(frames: Sequence[Frame], size: int) -> Batch:
    """The longest run of frames from the front that may be one batch: about ``size`` records, of one sort.

    Of conditional frames a batch holds one: the next may build on what it leaves.
    """
    taken = [frames[0]]
    if frames[0].headers.base_revisions:
        return Batch(frames=tuple(taken))
    count = frames[0].count
    for frame in frames[1:]:
        if count >= size or frame.headers.base_revisions:
            break
        taken.append(frame)
        count += frame.count
    return Batch(frames=tuple(taken))


def collapse(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The winners, one per key and sorted by key, and the superseded rest."""
    keys: list[Any] = [record.values[0] for record in records]  # texts; the property .key would cost as much again
    best = dict(zip(keys, records, strict=True))
    superseded: list[Record] = []
    if len(best) < len(records):
        best.clear()
        for record in records:
            other = best.get(record.key)
            best[record.key] = record if other is None else greater(record, other)
        chosen = {record.revision for record in best.values()}
        superseded = [record for record in records if record.revision not in chosen]
    return [best[key] for key in sorted(best)], superseded


class Unstored(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a batch that is not stored, and why."""

    revision: int  # which record
    verdict: Verdict
    code: str
    detail: str


async def readable(schema: RecordSchema, batch: Batch, refusal: Verdict) -> tuple[list[Record], list[Unstored]]:
    """The records of a batch, and those that today's rules refuse, with the verdict that refused ones get.

    Lets others run between the frames: decoding thousands of records at once would hold up the intake.
    """
    records: list[Record] = []
    refused: list[Unstored] = []
    for frame in batch.frames:
        try:
            records.extend(schema.records(frame))
        except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError):
            for index, judged in enumerate(schema.salvage(frame)):
                if isinstance(judged, Record):
                    records.append(judged)
                else:
                    number = nth(frame.first_revision, index)
                    refused.append(Unstored(revision=number, verdict=refusal, code="invalid_record", detail=judged))
        await asyncio.sleep(0)
    return records, refused


def settlement(
    collection: Collection, batch: Batch, unstored: Sequence[Unstored], failed_at: str
) -> tuple[list[WriteException], list[DeadLetter]]:
    """What must outlive the log: an exception for each record that is not stored, a letter for each refused one."""
    reasons = {item.revision: item for item in unstored}
    exceptions: list[WriteException] = []
    letters: list[DeadLetter] = []
    for frame in batch.frames:
        numbers = run(frame.first_revision, frame.count)
        if reasons.keys().isdisjoint(numbers):
            continue
        raws = _raws(frame)
        for index, number in enumerate(numbers):
            if number in reasons:
                raw = bytes(raws[index]) if index < len(raws) else frame.payload
                letter = _letter(collection, frame, index, raw, reasons[number], failed_at)
                exceptions.append(_exception(letter, reasons[number].verdict))
                letters += [letter] if reasons[number].verdict is Verdict.DEAD_LETTERED else []
    return exceptions, letters


def quarantined(
    collection: Collection, first: int, last: int, failed_at: str
) -> tuple[list[WriteException], list[DeadLetter]]:
    """What must be known of records whose frame was damaged on disk; of each, its sequence is all that is left."""
    letters = [
        DeadLetter(
            lane=collection.name,
            sequence=sequence,
            key="",
            record=b"",
            revision=0,
            accepted_at="",
            failed_at=failed_at,
            code="frame_quarantined",
            detail="The journal's frame was damaged on disk; its bytes are set aside in the journal's quarantine.",
        )
        for sequence in range(first, last + 1)
    ]
    return [_exception(letter, Verdict.DEAD_LETTERED) for letter in letters], letters


def is_due(policy: BufferPolicy, records: int, size: int, payload_bytes: int) -> str | None:
    """Which trigger a backlog has pulled, if any."""
    if records >= size:
        return "size"
    return "bytes" if payload_bytes >= policy.batch_bytes else None


def _letter(
    collection: Collection, frame: Frame, index: int, raw: bytes, reason: Unstored, failed_at: str
) -> DeadLetter:
    return DeadLetter(
        lane=collection.name,
        sequence=frame.sequence + index,
        key=_key_in(raw, collection.key),
        record=raw,
        revision=reason.revision,
        accepted_at=frame.accepted_at.isoformat(),
        failed_at=failed_at,
        code=reason.code,
        detail=reason.detail,
    )


def _exception(letter: DeadLetter, verdict: Verdict) -> WriteException:
    return WriteException(
        lane=letter.lane,
        sequence=letter.sequence,
        key=letter.key,
        verdict=verdict,
        code=letter.code,
        detail=letter.detail,
    )


def _raws(frame: Frame) -> Sequence[msgspec.Raw]:
    try:
        return raw_records(frame.payload)
    except (ValueError, RecursionError):
        return ()


def _key_in(raw: bytes, key: str) -> str:
    try:
        found = msgspec.json.decode(raw)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return ""
    value = found.get(key, found.get("key", "")) if isinstance(found, dict) else ""
    return value if isinstance(value, str) else ""

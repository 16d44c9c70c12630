"""What a batch is made of: frames cut to size, the greatest version per key, sorted by key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import accumulate, islice
from typing import Any

import msgspec

from domain.errors import FrameDamaged, RecordOutdated
from domain.model.collections import Collection
from domain.model.dead_letters import DeadLetter
from domain.model.frames import Frame
from domain.model.policies import BufferPolicy
from domain.model.receipts import WriteException
from domain.model.records import Record, Verdict, greater
from domain.model.revisions import nth, run
from domain.services.schema import RecordSchema, raw_records


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive frames that are applied together; a conditional one shares no key with any other of them."""

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
    def asked(self) -> set[int]:
        """Revisions of the records for which somebody waits for a verdict."""
        waited_for = [frame for frame in self.frames if frame.headers.verdicts]
        return {number for frame in waited_for for number in run(frame.first_revision, frame.count)}

    @property
    def plain(self) -> list[Frame]:
        """The frames that build on nothing."""
        return [frame for frame in self.frames if not _is_conditional(frame)]

    @property
    def conditional(self) -> list[Frame]:
        """The frames whose records build on base revisions."""
        return [frame for frame in self.frames if _is_conditional(frame)]


async def cut(frames: Sequence[Frame], size: int, schema: RecordSchema) -> Batch:
    """The longest run of frames from the front that may be one batch: about ``size`` records.

    It ends before a frame that would meet a conditional one in a key: what that leaves must be seen to be built on.
    """
    counts = accumulate(frame.count for frame in frames)
    run_of = 1 + sum(count < size for count in islice(counts, len(frames) - 1))
    chosen = frames[:run_of]
    if any(map(_is_conditional, chosen)):
        chosen = await _independent(chosen, schema)
    return Batch(frames=tuple(chosen))


async def _independent(frames: Sequence[Frame], schema: RecordSchema) -> list[Frame]:
    """The longest run from the front in which each conditional frame has its keys for itself."""
    taken: list[Frame] = []
    written: set[str] = set()
    built_on: set[str] = set()
    for frame in frames:
        try:
            keys = schema.outline(frame).keys
        except (ValueError, RecursionError, OverflowError):
            return taken or [frame]  # which keys it has is not known
        if not built_on.isdisjoint(keys) or (_is_conditional(frame) and not written.isdisjoint(keys)):
            break
        taken.append(frame)
        (built_on if _is_conditional(frame) else written).update(keys)
        await asyncio.sleep(0)
    return taken


def _is_conditional(frame: Frame) -> bool:
    return bool(frame.headers.base_revisions)


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


async def readable(
    schema: RecordSchema, frames: Sequence[Frame], refusal: Verdict
) -> tuple[list[Record], list[Unstored]]:
    """The records of frames, and those that today's rules refuse, with the verdict that refused ones get.

    Lets others run between the frames: decoding thousands of records at once would hold up the intake.
    """
    records: list[Record] = []
    refused: list[Unstored] = []
    for frame in frames:
        try:
            records.extend(schema.records(frame))
        except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError):
            for index, judged in enumerate(schema.salvage(frame)):
                if isinstance(judged, Record):
                    records.append(judged)
                else:
                    number = nth(frame.first_revision, index)
                    refused.append(Unstored(revision=number, verdict=refusal, code=RecordOutdated.code, detail=judged))
        await asyncio.sleep(0)
    return records, refused


def check_sum(batch: Batch, records: Sequence[Record], unstored: Sequence[Unstored]) -> None:
    """Every record of a batch is stored or told of, and no other. Raises RuntimeError: the watermark must not pass it.

    A revision may stand in it twice: of a dead letter that was replayed twice.
    """
    sent = {number for frame in batch.frames for number in run(frame.first_revision, frame.count)}
    judged = {record.revision for record in records}.union(item.revision for item in unstored)
    if judged != sent:
        raise RuntimeError(
            f"{len(sent - judged)} records of a batch have no verdict; {len(judged - sent)} are not its."
        )


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
                raw = bytes(raws[index]) if index < len(raws) else b""
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
            code=FrameDamaged.code,
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
        kind=frame.kind,
        base_revision=bases[index] if (bases := frame.headers.base_revisions) else None,
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
    """The records as received; all bytes of a frame that cannot be read stand for its first one."""
    try:
        return raw_records(frame.payload)
    except (ValueError, RecursionError):
        return (msgspec.Raw(frame.payload),)


def _key_in(raw: bytes, key: str) -> str:
    try:
        found = msgspec.json.decode(raw)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return ""
    value = found.get(key, found.get("key", "")) if isinstance(found, dict) else ""
    return value if isinstance(value, str) else ""

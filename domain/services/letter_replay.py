"""A dead letter on its way through the log again, in the version that it had."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import msgspec

from domain.errors import BackendError, Conflict, InvalidRecords, NotReplayable
from domain.model.collections import Collection
from domain.model.dead_letters import DeadLetter, Replayed
from domain.model.frames import Frame, FrameKind
from domain.model.origin import Origin
from domain.model.receipts import Receipt, WriteException
from domain.model.records import Record, Verdict, Version
from domain.services.buffer import BufferManager
from domain.services.schema import Checked, RecordSchema, Tombstone, tombstone_outline
from ports.storage_backend import StorageBackend

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TOMBSTONE = msgspec.json.Decoder(Tombstone)


class Again(msgspec.Struct, frozen=True):
    """A letter's record in the log."""

    frame: Frame
    receipt: Receipt
    key: str
    version: Version


async def again(
    letter: DeadLetter,
    edited: bytes | None,
    collection: Collection,
    schema: RecordSchema,
    buffer: BufferManager,
    *,
    now: datetime,
    origin: Origin,
) -> Again:
    """Journal a letter's record, or the ``edited`` one instead.

    The record is the same write as before: it keeps its revision, and the times that acceptance gave it are written
    into it, for the frame is accepted now. An edited one is another write of the same time: two edits with one revision
    would be two states of one version. Raises NotReplayable, InvalidRecords, MalformedBody, Conflict, Unavailable.
    """
    if not letter.is_replayable:
        raise NotReplayable(f"Of the record {letter.id} only its number is known: {letter.detail}")
    if letter.kind is FrameKind.DELETE:
        if edited is not None:
            raise Conflict(f"The dead letter {letter.id} is a delete, in which there is nothing to edit.")
        checked = _delete(letter)
    else:
        checked = _write(letter, edited or letter.record, schema, now)
    bases = () if letter.base_revision is None else (letter.base_revision,)
    revision = letter.revision if edited is None else None
    acceptance, frame = await buffer.accept_again(
        collection, checked, letter.kind, bases, revision=revision, origin=origin
    )
    version = (checked.outline.updated_at[0], frame.first_revision)
    return Again(frame, acceptance.receipt, acceptance.keys[0], version)


async def outcome(
    letter: DeadLetter,
    replay: Again,
    exception: WriteException | None,
    collection: Collection,
    backend: StorageBackend,
    *,
    in_time: bool,
) -> Replayed:
    """What became of a replayed record; ``exception``: of its new place in the log."""
    verdict = exception.verdict if exception else None
    if verdict is None and in_time:
        with suppress(BackendError):  # it is stored or stale, and which of them cannot be told now
            verdict = _verdict(await backend.read(collection, replay.key), replay.version)
    return Replayed(
        letter=letter,
        receipt=str(replay.receipt),
        sequence=replay.frame.sequence,
        revision=replay.frame.first_revision,
        verdict=verdict,
        code=exception.code if exception else "",
        detail=exception.detail if exception else "",
    )


def _verdict(stored: Record | None, version: Version) -> Verdict:
    if stored is None or stored.version <= version:
        return Verdict.STORED
    return Verdict.STALE


def _delete(letter: DeadLetter) -> Checked:
    outline = tombstone_outline([_TOMBSTONE.decode(letter.record)])
    return Checked(payload=b"[" + letter.record + b"]", outline=outline)


def _write(letter: DeadLetter, record: bytes, schema: RecordSchema, now: datetime) -> Checked:
    accepted_at = datetime.fromisoformat(letter.accepted_at)
    checked = schema.check(b"[" + record + b"]", max(now, accepted_at))
    members = _members(record)
    given = {"created_at": accepted_at, "updated_at": accepted_at}
    absent = {name: moment for name, moment in given.items() if name not in members}
    members |= {name: msgspec.Raw(msgspec.json.encode(moment)) for name, moment in absent.items()}
    outline = msgspec.structs.replace(checked.outline, **{name: (moment,) for name, moment in absent.items()})
    return Checked(payload=msgspec.json.encode([members]), outline=outline)


def _members(record: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _MEMBERS.decode(record)
    except msgspec.ValidationError as error:
        raise InvalidRecords("The record must be one JSON object.") from error

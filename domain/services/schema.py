"""A collection's rules, compiled: JSON text in, checked records out.

The fast path decodes a whole batch in C and judges it column by column; only a batch that fails, or looks as if it
might, is taken apart record by record, which finds every fault (msgspec alone stops at the first one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from domain.errors import InvalidRecords, ItemError, MalformedBody, PayloadTooLarge
from domain.model import revisions
from domain.model.collections import RANGES, Collection, Field, FieldType
from domain.model.frames import Frame, FrameKind
from domain.model.policies import MAX_BATCH_RECORDS, MAX_RECORD_BYTES
from domain.model.records import EPOCH, Record, Value
from domain.model.sealed import longest, stored_normal_form
from domain.services import strict_json
from domain.services.faults import MAX_ERRORS, explain, fault
from domain.services.rules import (
    BATCH_DEPTH,
    ESCAPED,
    MARKED,
    MAX_AHEAD,
    TOO_PRECISE,
    broken_rule,
    is_doubtful,
    size_of,
    too_precise,
)

_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


class Tombstone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a delete frame says of one record."""

    key: str
    created_at: datetime  # of the record that was visible
    updated_at: datetime  # of the delete


_TOMBSTONES = msgspec.json.Decoder(list[Tombstone])


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What the pending view must know of a frame's records, as parallel columns.

    They are tuples because the garbage collector stops to look at a tuple of plain values, and many outlines wait.
    """

    keys: tuple[str, ...]
    created_at: tuple[datetime, ...]
    updated_at: tuple[datetime, ...]
    parents: tuple[str, ...]  # values of the collection's parent field; empty without one


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that keeps every rule."""

    payload: bytes  # JSON array of the records that were taken, as received
    outline: Outline
    errors: tuple[ItemError, ...] = ()  # of the records that were not, where the caller asked to go on

    @property
    def count(self) -> int:
        """Records taken."""
        return len(self.outline.keys)


class RecordSchema:
    """Decodes and checks the records of one collection."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._one, self._many = _decoders(collection)
        self._kept_one, self._kept_many = _decoders(collection, kept=True)
        self._getters = [(field, _getter(field)) for field in collection.data_fields]
        self._key: Callable[[Any], str] = attrgetter(collection.key)
        self._parent = attrgetter(collection.parent) if collection.parent else None
        self._opened: tuple[bytes, Sequence[msgspec.Raw]] = (b"", ())
        self._judged = [(f, attrgetter(f.name)) for f in collection.sent_fields if f.type in _JUDGED or f.max_bytes]

    def check(self, payload: bytes, accepted_at: datetime, *, partial: bool = False) -> Checked:
        """Judge a JSON array of records. ``partial``: take the good ones and list the others.

        Raises InvalidRecords (pointers such as ``/3/status``), MalformedBody, PayloadTooLarge.
        """
        try:
            bodies = self._many.decode(payload)
            outline = self._outline(bodies, accepted_at)
        except (*_DECODE_ERRORS, OverflowError):
            return self._check_each(payload, accepted_at, partial=partial)
        _check_count(len(bodies))
        if self._doubtful(payload, bodies, outline, accepted_at):
            return self._check_each(payload, accepted_at, partial=partial)
        return Checked(payload=payload, outline=outline)

    def named(self, checked: Checked, first_revision: int, salt: int = 0) -> Checked:
        """The batch with keys for those records that came without one, made of the revisions that they will have, and
        of the instance's ``salt``.
        """
        keys = checked.outline.keys
        if not self.collection.keys_made or all(keys):
            return checked
        numbers = revisions.run(first_revision, len(keys))
        made = tuple(key or revisions.uuid_of(number, salt) for key, number in zip(keys, numbers, strict=True))
        raws = zip(raw_records(checked.payload), keys, made, strict=True)
        texts = [bytes(raw) if key else _with_key(raw, self.collection.key, new) for raw, key, new in raws]
        outline = msgspec.structs.replace(checked.outline, keys=made)
        return msgspec.structs.replace(checked, payload=b"[" + b",".join(texts) + b"]", outline=outline)

    def outline(self, frame: Frame) -> Outline:
        """The outline of a frame in the log. Raises a decode error where today's rules refuse it."""
        if frame.kind is FrameKind.DELETE:
            return tombstone_outline(_TOMBSTONES.decode(frame.payload))
        return self._outline(self._kept_many.decode(frame.payload), frame.accepted_at)

    def records(self, frame: Frame) -> list[Record]:
        """The records of a frame, in order. Raises a decode error where today's rules refuse one."""
        numbers = revisions.run(frame.first_revision, frame.count)
        if frame.kind is FrameKind.DELETE:
            stones = _TOMBSTONES.decode(frame.payload)
            return [self._tombstone(stone, number) for stone, number in zip(stones, numbers, strict=True)]
        return self._records(self._kept_many.decode(frame.payload), frame.accepted_at, numbers)

    def record_at(self, frame: Frame, index: int) -> Record:
        """One record of a frame, without decoding the others."""
        raw = self._raws_of(frame)[index]
        number = revisions.nth(frame.first_revision, index)
        if frame.kind is FrameKind.DELETE:
            return self._tombstone(msgspec.json.decode(raw, type=Tombstone), number)
        return self._records([self._kept_one.decode(raw)], frame.accepted_at, [number])[0]

    def salvage(self, frame: Frame) -> list[Record | str]:
        """Each record of a frame that today's rules refuse in part: the record, or why it is refused."""
        try:
            self._raws_of(frame)
        except _DECODE_ERRORS as error:
            return [str(error)] * frame.count
        judged: list[Record | str] = []
        for index in range(frame.count):
            try:
                judged.append(self.record_at(frame, index))
            except (*_DECODE_ERRORS, IndexError, OverflowError, ValueError) as error:
                judged.append(str(error))
        return judged

    def _raws_of(self, frame: Frame) -> Sequence[msgspec.Raw]:
        """A frame's records as received; the latest stays open, because who asks for one often asks for the next."""
        payload, raws = self._opened
        if payload is not frame.payload:
            raws = raw_records(frame.payload)
            self._opened = (frame.payload, raws)
        return raws

    def _doubtful(self, payload: bytes, bodies: Sequence[Any], outline: Outline, accepted_at: datetime) -> bool:
        """Whether some record might break a rule that the decoder does not know."""
        if len(payload) > MAX_RECORD_BYTES and max(map(size_of, raw_records(payload))) > MAX_RECORD_BYTES:
            return True
        latest = accepted_at + MAX_AHEAD
        if max(outline.updated_at) > latest or max(outline.created_at) > latest:
            return True
        if min(outline.updated_at) < EPOCH or min(outline.created_at) < EPOCH or TOO_PRECISE.search(payload):
            return True
        if ESCAPED.search(payload) or MARKED.search(payload):
            return True
        return any(is_doubtful(field, map(get, bodies), len(payload)) for field, get in self._judged)

    def _check_each(self, payload: bytes, accepted_at: datetime, *, partial: bool) -> Checked:
        strict_json.check(payload, BATCH_DEPTH)
        raws = elements(payload)
        bodies, taken, errors = [], [], []
        for index, raw in enumerate(raws):
            found = self._judge(raw, index, accepted_at)
            if isinstance(found, ItemError):
                errors.append(found)
            else:
                bodies.append(found)
                taken.append(raw)
        if errors and (not partial or not bodies):
            raise InvalidRecords(_summary(len(errors), len(raws)), errors=tuple(errors[:MAX_ERRORS]))
        text = payload if not errors else b"[" + b",".join(taken) + b"]"
        return Checked(payload=text, outline=self._outline(bodies, accepted_at), errors=tuple(errors[:MAX_ERRORS]))

    def _judge(self, raw: msgspec.Raw, index: int, accepted_at: datetime) -> Any:
        """The decoded body (of the compiled shape), or the first fault found in it."""
        size = size_of(raw)
        if size > MAX_RECORD_BYTES:
            return fault(index, "", "too_large", f"The record has {size} bytes; at most {MAX_RECORD_BYTES} are taken.")
        try:
            body = self._one.decode(raw)
        except _DECODE_ERRORS as error:
            return explain(self.collection, index, error)
        for field in self.collection.sent_fields:
            reason = broken_rule(field, getattr(body, field.name), accepted_at)
            if reason:
                return fault(index, field.name, *reason)
        if TOO_PRECISE.search(raw):
            return too_precise(self.collection, raw, index) or body
        return body

    def _outline(self, bodies: Sequence[Any], accepted_at: datetime) -> Outline:
        return Outline(
            keys=tuple(map(self._key, bodies)),
            created_at=_instants(map(_CREATED, bodies), accepted_at),
            updated_at=_instants(map(_UPDATED, bodies), accepted_at),
            parents=tuple(map(self._parent, bodies)) if self._parent else (),
        )

    def _records(self, bodies: Sequence[Any], accepted_at: datetime, numbers: Sequence[int]) -> list[Record]:
        columns = [_column(field, map(getter, bodies)) for field, getter in self._getters]
        created = _instants(map(_CREATED, bodies), accepted_at)
        updated = _instants(map(_UPDATED, bodies), accepted_at)
        return list(map(Record, zip(*columns, strict=True), created, updated, numbers))

    def _tombstone(self, stone: Tombstone, revision: int) -> Record:
        values: tuple[Value, ...] = (stone.key, *(f.default for f in self.collection.data_fields[1:]))
        return Record(values, stone.created_at, stone.updated_at, revision, stone.updated_at)


def tombstone_outline(stones: Sequence[Tombstone]) -> Outline:
    """The outline of a delete frame."""
    return Outline(
        keys=tuple(stone.key for stone in stones),
        created_at=tuple(stone.created_at for stone in stones),
        updated_at=tuple(stone.updated_at for stone in stones),
        parents=(),
    )


def _with_key(raw: msgspec.Raw, name: str, key: str) -> bytes:
    """The text of an object that has other members, with one more at its beginning."""
    return b'{"%s":"%s",' % (name.encode(), key.encode()) + bytes(raw)[1:]


def raw_records(payload: bytes) -> Sequence[msgspec.Raw]:
    """The elements of a frame's payload, each as received."""
    return _RAWS.decode(payload)


def elements(payload: bytes) -> list[msgspec.Raw]:
    """The elements of a batch that a caller sent, between one and the limit.

    Raises InvalidRecords (no array, or an empty one), PayloadTooLarge, MalformedBody.
    """
    try:
        raws = _RAWS.decode(payload)
    except msgspec.ValidationError as error:
        wrong = ItemError(pointer="", code="wrong_shape", detail="The batch must be a JSON array of records.")
        raise InvalidRecords(wrong.detail, errors=(wrong,)) from error
    except _DECODE_ERRORS as error:
        raise MalformedBody(f"The batch is not JSON: {error}") from error
    _check_count(len(raws))
    return raws


def _check_count(count: int) -> None:
    if not count:
        raise InvalidRecords("The batch is empty; send at least one record.", errors=(_EMPTY,))
    if count > MAX_BATCH_RECORDS:
        raise PayloadTooLarge(f"The batch has {count} records; at most {MAX_BATCH_RECORDS} are taken at once.")


class Schemas:
    """The compiled schemas by collection name."""

    def __init__(self, collections: Iterable[Collection]) -> None:
        self._schemas: Mapping[str, RecordSchema] = {c.name: RecordSchema(c) for c in collections}

    def of(self, name: str) -> RecordSchema:
        """The schema of a declared collection."""
        return self._schemas[name]


_JUDGED = (FieldType.IDENTIFIER, FieldType.OBJECT, FieldType.EMAIL)
_CREATED = attrgetter("created_at")
_UPDATED = attrgetter("updated_at")
_EMPTY = ItemError(pointer="", code="empty_batch", detail="At least one record is needed.")


Decoder = msgspec.json.Decoder[Any]  # Any: the shape of a collection's records is made when its schema is compiled


def _decoders(collection: Collection, *, kept: bool = False) -> tuple[Decoder, Decoder]:
    """Of one record, and of a batch; ``kept``: as they are in the log, where some fields may be encrypted."""
    shape = msgspec.defstruct(
        f"{collection.noun.title()}Body",
        [_member(field, kept=kept) for field in collection.sent_fields],
        kw_only=True,
        frozen=True,
        gc=False,
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(shape), msgspec.json.Decoder(list[shape])  # type: ignore[valid-type]


def _member(field: Field, *, kept: bool) -> tuple[str, Any] | tuple[str, Any, Any]:
    """The field as a member of the compiled struct: its type with every limit that msgspec can check in C."""
    if field.type is FieldType.INSTANT:
        return (field.name, Annotated[datetime, msgspec.Meta(tz=True)] | UnsetType, UNSET)
    if field.type is FieldType.OBJECT:
        return (field.name, msgspec.Raw, msgspec.Raw(b"{}"))
    if field.type in RANGES:
        kind: Any = Annotated[int, msgspec.Meta(ge=field.minimum, le=field.maximum)]
    elif field.type is FieldType.CHOICE:
        kind = Literal[field.choices]
    else:
        lowest = 1 if field.type is FieldType.IDENTIFIER else 0
        most = longest(field.longest) if kept and field.sealable else field.max_chars or field.max_bytes
        kind = Annotated[str, msgspec.Meta(min_length=lowest, max_length=most)]
    if field.nullable:
        kind = kind | None
    return (field.name, kind) if field.required else (field.name, kind, field.default)


def _instants(column: Iterable[Any], accepted_at: datetime) -> tuple[datetime, ...]:
    instants = [
        accepted_at if moment is UNSET else moment if moment.tzinfo is UTC else moment.astimezone(UTC)
        for moment in column
    ]
    return tuple(instants)


def _getter(field: Field) -> Callable[[Any], Any]:
    """What reads a field's value from a decoded body; it raises ValueError where that has no normal form."""
    if field.normal_form_of is None:
        return attrgetter(field.name)
    read = attrgetter(field.normal_form_of)
    return lambda body: stored_normal_form(read(body))


def _column(field: Field, column: Iterable[Any]) -> Sequence[Value]:
    if field.type is FieldType.OBJECT:
        return b"\0".join(column).decode().split("\0")
    return list(column)


def _summary(faulty: int, total: int) -> str:
    verb = "breaks" if faulty == 1 else "break"
    return f"{faulty} of {total} records {verb} a rule; nothing was taken. `errors` names the places."

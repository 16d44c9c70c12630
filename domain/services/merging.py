"""JSON merge patch (RFC 7396) over stored records; texts that the patch does not touch stay as they were sent."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.errors import InvalidRecords, ItemError, MalformedBody
from domain.model.collections import Collection, Field, FieldType
from domain.model.records import Record, Value
from domain.services import strict_json
from domain.services.faults import MAX_ERRORS, fault
from domain.services.rules import BATCH_DEPTH
from domain.services.schema import elements

Members = dict[str, msgspec.Raw]
_MEMBERS = msgspec.json.Decoder(Members)
_NULL = b"null"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A patch on its way to its record."""

    index: int  # place in the batch
    key: str
    members: Members


def proposals(collection: Collection, payload: bytes) -> list[Proposal]:
    """The patches of a batch, each an object with its key.

    Raises InvalidRecords (no array, empty, no object, no key, a key twice), PayloadTooLarge, MalformedBody.
    """
    strict_json.check(payload, BATCH_DEPTH)
    found: dict[str, Proposal] = {}
    faults: list[ItemError] = []
    raws = elements(payload)
    for index, raw in enumerate(raws):
        try:
            change = proposal(collection, index, bytes(raw))
        except InvalidRecords as problem:
            faults += problem.errors
            continue
        if change.key in found:
            detail = f"{change.key!r} stands twice in this batch."
            faults.append(fault(index, collection.key, "duplicate_key", detail))
        found.setdefault(change.key, change)
    if faults:
        detail = f"{len(faults)} of {len(raws)} changes cannot be made; nothing was changed. `errors` names the places."
        raise InvalidRecords(detail, errors=tuple(faults[:MAX_ERRORS]))
    return list(found.values())


def creation(collection: Collection, body: bytes, fresh: str) -> Proposal:
    """A new record, under its own key or under ``fresh``. Raises InvalidRecords, MalformedBody."""
    names_itself = collection.key in _members(body, 0)
    return proposal(collection, 0, body, None if names_itself else fresh)


def proposal(collection: Collection, index: int, patch: bytes, key: str | None = None) -> Proposal:
    """One patch; ``key`` where the address names the record. Raises InvalidRecords, MalformedBody."""
    members = _members(patch, index)
    text = members.pop(collection.key, None)
    named = None if text is None else string_in(text)
    if text is None and key is None:
        raise _invalid(fault(index, collection.key, "missing_field", f"`{collection.key}` is missing."))
    if text is not None and (named is None or key not in (None, named)):
        detail = f"`{collection.key}` must be the key of the record and cannot change."
        raise _invalid(fault(index, collection.key, "invalid_value", detail))
    return Proposal(index=index, key=key or named or "", members=members)


def merged(collection: Collection, record: Record, patch: Members, now: datetime) -> bytes:
    """The text of the whole record after the patch; null clears a field to its default.

    Without an ``updated_at`` the patch counts as written now, or with the record where that is later.
    """
    body = _body(collection, record, max(now, record.updated_at))
    for name, value in patch.items():
        field = collection.by_name.get(name)
        text = bytes(value).strip()
        if field is None or field.normal_form_of is not None:
            body[name] = value  # the schema names it
        elif text == _NULL and not field.required:
            body[name] = _cleared(field, body[name])
        elif field.type is FieldType.OBJECT and text.startswith(b"{"):
            body[name] = _merge_object(body[name], value)
        else:
            body[name] = value
    return msgspec.json.encode(body)


def replacement(collection: Collection, base: Record, members: Members, now: datetime) -> bytes:
    """The text of a whole record that follows another: nothing of it stays but its key and when it was created."""
    body = {collection.key: msgspec.Raw(msgspec.json.encode(base.key))}
    return msgspec.json.encode(body | _times(base.created_at, max(now, base.updated_at)) | members)


def _times(created_at: datetime, updated_at: datetime) -> Members:
    return {
        "created_at": msgspec.Raw(msgspec.json.encode(created_at)),
        "updated_at": msgspec.Raw(msgspec.json.encode(updated_at)),
    }


def _body(collection: Collection, record: Record, updated_at: datetime) -> Members:
    values = zip(collection.data_fields, record.values, strict=True)
    body = {field.name: _text(field, value) for field, value in values if field.normal_form_of is None}
    return body | _times(record.created_at, updated_at)


def _text(field: Field, value: Value) -> msgspec.Raw:
    if field.type is FieldType.OBJECT and isinstance(value, str):
        return msgspec.Raw(value.encode())
    return msgspec.Raw(msgspec.json.encode(value))


def _cleared(field: Field, current: msgspec.Raw) -> msgspec.Raw:
    """The default; a time cannot be unset and keeps what it would be without the patch."""
    return current if field.type is FieldType.INSTANT else _text(field, field.default)


def _merge_object(target: msgspec.Raw, patch: msgspec.Raw) -> msgspec.Raw:
    result = _object_in(target)
    for name, value in _MEMBERS.decode(patch).items():
        text = bytes(value).strip()
        if text == _NULL:
            result.pop(name, None)
        elif text.startswith(b"{"):
            result[name] = _merge_object(result.get(name, msgspec.Raw(b"{}")), value)
        else:
            result[name] = value
    return msgspec.Raw(msgspec.json.encode(result))


def _object_in(text: msgspec.Raw) -> Members:
    try:
        return _MEMBERS.decode(text)
    except msgspec.ValidationError:
        return {}  # RFC 7396: a target that is no object is replaced by one


def _members(patch: bytes, index: int) -> Members:
    try:
        return _MEMBERS.decode(patch)
    except msgspec.ValidationError:
        raise _invalid(fault(index, "", "wrong_shape", "A change must be a JSON object.")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"The change is not JSON: {error}") from error


def string_in(text: msgspec.Raw) -> str | None:
    """The text that a JSON string holds; None where it is no string."""
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _invalid(error: ItemError) -> InvalidRecords:
    return InvalidRecords(error.detail, errors=(error,))

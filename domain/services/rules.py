"""The rules of single fields that the decoder does not know: what looks doubtful at a glance, and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from domain.errors import ItemError, MalformedBody
from domain.model.collections import Collection, Field, FieldType
from domain.model.email import normal_form
from domain.model.policies import MAX_RECORD_BYTES
from domain.model.records import EPOCH
from domain.model.sealed import MARK, is_sealed
from domain.services import strict_json
from domain.services.faults import fault

MAX_AHEAD = timedelta(minutes=5)
BATCH_DEPTH = strict_json.MAX_DEPTH - 1  # levels of a batch: the envelope around it counts too
_OBJECT_DEPTH = BATCH_DEPTH - 2  # levels of a field's value: array and record stand around it
TOO_PRECISE = re.compile(rb"\.\d{7}")
ESCAPED = re.compile(rb"\\u00(?:00|65|6[eE]|63|31|2[eE])")  # a NUL, or a character of ``MARK``
MARKED = re.compile(re.escape(MARK.encode()))  # a search by pattern is faster here than one by ``in``
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def size_of(raw: msgspec.Raw) -> int:
    """Bytes of a value's text."""
    return memoryview(raw).nbytes


def is_doubtful(field: Field, column: Iterable[Any], payload_bytes: int) -> bool:  # Any: decoded values
    """Whether some value of a column might break a rule of its field."""
    if field.type is FieldType.IDENTIFIER:
        text = "".join(filter(None, column) if field.nullable else column)
        return not (text.isascii() and text.isprintable())
    if field.type is FieldType.EMAIL:
        return any(_broken_address(field, address) for address in column)
    limit = field.max_bytes or MAX_RECORD_BYTES
    if field.type is FieldType.OBJECT:
        return _are_doubtful_objects(list(column), limit)
    return payload_bytes > limit and 4 * max(map(len, filter(None, column)), default=0) > limit


def _are_doubtful_objects(column: list[Any], limit: int) -> bool:
    joined = b"\0".join(column)  # no JSON text holds a raw NUL
    if not joined.startswith(b"{") or joined.count(b"\0{") != len(column) - 1:
        return True
    try:
        strict_json.check(joined, _OBJECT_DEPTH)
    except MalformedBody:
        return True
    return len(joined) > limit and max(map(size_of, column)) > limit


def broken_rule(field: Field, value: Any, accepted_at: datetime) -> tuple[str, str] | None:
    """Code and detail of the rule that a decoded value breaks; the decoder has checked its type."""
    if value is None or value is UNSET:
        return None
    if field.type is FieldType.INSTANT:
        return _broken_instant(field.name, value, accepted_at)
    if field.type is FieldType.IDENTIFIER and _CONTROL.search(value):
        return ("invalid_identifier", f"`{field.name}` holds a control character.")
    if field.type is FieldType.OBJECT:
        return _broken_object(field, value)
    if field.type is FieldType.EMAIL:
        return _broken_address(field, value)
    if field.sealable and is_sealed(value):
        return ("invalid_value", f"`{field.name}` has the form of an encrypted value, which only this service makes.")
    if field.max_bytes and len(value) * 4 > field.max_bytes and len(value.encode()) > field.max_bytes:
        return ("too_large", f"`{field.name}` has more than {field.max_bytes} bytes of UTF-8.")
    return None


def _broken_instant(name: str, value: datetime, accepted_at: datetime) -> tuple[str, str] | None:
    try:
        if value < EPOCH:
            return ("invalid_value", f"`{name}` is before 1970.")
        if value <= accepted_at + MAX_AHEAD:
            return None
    except OverflowError:
        return ("invalid_value", f"`{name}` is out of range.")
    code = "version_in_future" if name == "updated_at" else "invalid_value"
    return (code, f"`{name}` is more than 5 minutes ahead of this service's clock.")


def _broken_address(field: Field, address: str) -> tuple[str, str] | None:
    try:
        normal_form(address)
    except ValueError as error:
        return ("invalid_email", f"`{field.name}` is no e-mail address: {error}.")
    return None


def _broken_object(field: Field, value: msgspec.Raw) -> tuple[str, str] | None:
    raw = bytes(value)
    if not raw.startswith(b"{"):
        return ("invalid_value", f"`{field.name}` must be a JSON object.")
    if len(raw) > (field.max_bytes or MAX_RECORD_BYTES):
        return ("too_large", f"`{field.name}` has more than {field.max_bytes} bytes.")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return ("invalid_value", f"`{field.name}` is not UTF-8.")
    return None


def too_precise(collection: Collection, raw: msgspec.Raw, index: int) -> ItemError | None:
    """The fault of a record with a time finer than microseconds, which the decoder would round."""
    texts = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    for field in collection.fields:
        if field.type is FieldType.INSTANT and TOO_PRECISE.search(texts.get(field.name, msgspec.Raw(b""))):
            return fault(index, field.name, "invalid_value", f"`{field.name}` has more than 6 fraction digits.")
    return None

"""What a file may be called, and what it may say that it is."""

from __future__ import annotations

import re
import unicodedata

import msgspec

from domain.errors import InvalidParameter, InvalidRecords, ItemError
from domain.model.files import CHANGEABLE, FILES, FileLimits
from domain.services import strict_json
from domain.services.faults import fault
from domain.services.merging import proposal, string_in

MAX_NAME_BYTES = 255
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}", re.ASCII)
# Controls, separators of paths, halves of surrogate pairs, and marks that make a name look like another one.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f/\\\\\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def checked_name(name: str) -> str:
    """The name of a file, without any path. Raises InvalidParameter."""
    if not name.strip(". ") or _UNSAFE.search(name) or len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidParameter(
            f"A file's name has 1 to {MAX_NAME_BYTES} bytes of UTF-8, no slash or backslash, no control characters, "
            "and not dots and blanks alone."
        )
    return name


def checked_id(file_id: str) -> str:
    """The id that a new file gets: no path either, and in the one form that all who type it mean (NFC).

    Raises InvalidParameter.
    """
    if not file_id.strip(". ") or _UNSAFE.search(file_id) or not unicodedata.is_normalized("NFC", file_id):
        raise InvalidParameter(
            "A file's id has no slash or backslash, no control characters, is not dots and blanks alone, and is "
            "normalized (NFC)."
        )
    return file_id


def checked_type(text: str) -> str:
    """A content type in lower case, its parameters left out. Raises InvalidParameter."""
    kind = text.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(kind):
        raise InvalidParameter(f"{text[:80]!r} is not a content type such as `application/pdf`.")
    return kind


def taken_type(text: str, limits: FileLimits) -> str:
    """A content type of which files are taken, as ``checked_type`` has it. Raises InvalidParameter."""
    kind = checked_type(text)
    if not limits.take(kind):
        raise InvalidParameter(limits.refusal(kind))
    return kind


def checked_changes(file_id: str, patch: bytes, limits: FileLimits) -> bytes:
    """A merge patch of what may be changed of a file, in the form in which a new one would be kept.

    What it says of other fields than those of a file is left to the schema. Raises InvalidRecords, MalformedBody.
    """
    members = proposal(FILES, 0, patch, file_id).members
    faults = []
    for field in [name for name in members if name in FILES.by_name]:
        try:
            members[field] = _checked_change(field, members[field], limits)
        except InvalidParameter as problem:
            faults.append(fault(0, field, "invalid_value", problem.detail))
    if faults:
        raise InvalidRecords("The file cannot be changed so; nothing was.", errors=tuple(faults))
    return msgspec.json.encode(members)


def _checked_change(field: str, value: msgspec.Raw, limits: FileLimits) -> msgspec.Raw:
    if field not in CHANGEABLE:
        changeable = ", ".join(f"`{name}`" for name in CHANGEABLE)
        raise InvalidParameter(f"Of a file {changeable} can be changed; `{field}` comes with its content.")
    text = string_in(value)  # None: metadata, or what the schema refuses
    if field == "name" and text is not None:
        checked_name(text)
    if field == "content_type" and text is not None:
        return msgspec.Raw(msgspec.json.encode(taken_type(text, limits)))
    return value


def checked_metadata(text: bytes) -> bytes:
    """One JSON object and nothing behind it, since it is kept inside another. Raises MalformedBody, InvalidRecords."""
    strict_json.check(text)
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        fault = ItemError(pointer="/metadata", code="invalid_value", detail="`metadata` must be one JSON object.")
        raise InvalidRecords(fault.detail, errors=(fault,)) from None
    return text

"""The entries of a stream: one frame each, with a head that says what its payload is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.errors import JournalUnreachable
from domain.model.frames import Frame, FrameDraft, FrameHeaders, FrameKind, numbered

FORMAT_VERSION = 1


class _Version(msgspec.Struct, frozen=True, array_like=True):
    version: int


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """Encoded as an array that begins with the version of its form; a newer release may only append to it."""

    version: int
    accepted_at: datetime
    first_revision: int
    count: int
    kind: FrameKind
    headers: FrameHeaders


class MalformedEntry(ValueError):
    """The entry is no frame."""


_VERSION = msgspec.msgpack.Decoder(_Version)
_HEAD = msgspec.msgpack.Decoder(_Head)


def head_of(draft: FrameDraft) -> bytes:
    """What an entry says beside the payload."""
    head = _Head(FORMAT_VERSION, draft.accepted_at, draft.first_revision, draft.count, draft.kind, draft.headers)
    return msgspec.msgpack.encode(head)


def accepted_at(head: bytes) -> datetime | None:
    """When the frame was accepted; None where the head cannot be read."""
    try:
        return _HEAD.decode(head).accepted_at
    except (msgspec.MsgspecError, ValueError):
        return None


def last_of(entry_id: bytes) -> int:
    """The number of the last record of an entry."""
    return int(entry_id.partition(b"-")[0])


def frame_of(partition: int, entry_id: bytes, fields: Sequence[bytes]) -> Frame:
    """The frame of an entry. Raises MalformedEntry, JournalUnreachable where a newer release wrote it."""
    content = dict(zip(fields[::2], fields[1::2], strict=False))
    try:
        head, payload = content[b"head"], content[b"payload"]
        version = _VERSION.decode(head).version
        if version > FORMAT_VERSION:
            raise JournalUnreachable(
                f"The shared buffer holds a frame of format {version}, this release reads {FORMAT_VERSION}: update it."
            )
        found = _HEAD.decode(head)
    except (KeyError, msgspec.MsgspecError, ValueError) as error:
        raise MalformedEntry(f"{type(error).__name__}: {error}") from error
    return Frame(
        accepted_at=found.accepted_at,
        first_revision=found.first_revision,
        count=found.count,
        payload=payload,
        kind=found.kind,
        headers=found.headers,
        sequence=numbered(partition, last_of(entry_id) - found.count + 1),
    )

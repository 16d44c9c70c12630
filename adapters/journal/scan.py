"""Finds the frames of a segment, and the holes between them, with bounded memory."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import msgspec

from adapters.journal.files import Files
from adapters.journal.format import FRAME_HEADER_BYTES, FRAME_MAGIC, SEGMENT_HEADER_BYTES, Codec, FrameHead
from adapters.journal.index import Entry, Index

CHUNK = 1 << 20
SMALLEST_READ = 4096  # a read that fails is halved down to this
_ZEROS = bytes(CHUNK)


class Window:
    """A file seen through one buffer. What the disk cannot read is zeros here, and ``unreadable`` says so."""

    def __init__(self, files: Files, handle: int) -> None:
        self._files = files
        self._handle = handle
        self._start = 0
        self._buffer = b""
        self.size = files.size(handle)
        self.unreadable = False

    def read(self, offset: int, size: int) -> bytes:
        """Bytes at ``offset``; fewer than ``size`` only at the end of the file."""
        if size > CHUNK:
            return self.fetch(offset, min(size, max(0, self.size - offset)))
        start = offset - self._start
        if start < 0 or start + size > len(self._buffer):
            self._start, start = offset, 0
            self._buffer = self.fetch(offset, min(CHUNK, max(0, self.size - offset)))
        return self._buffer[start : start + size]

    def find(self, pattern: bytes, offset: int) -> int:
        """Where ``pattern`` is next, from ``offset`` on; -1 where it is not."""
        overlap = len(pattern) - 1
        while offset + overlap < self.size:
            place = self.read(offset, CHUNK).find(pattern)
            if place >= 0:
                return offset + place
            offset += CHUNK - overlap
        return -1

    def blank(self, offset: int) -> bool:
        """Whether nothing but zeros follows."""
        while offset < self.size:
            chunk = self.read(offset, CHUNK)
            if chunk != _ZEROS[: len(chunk)]:
                return False
            offset += CHUNK
        return True

    def fetch(self, offset: int, size: int) -> bytes:
        """Bytes at ``offset``, past the buffer."""
        try:
            return self._files.pread(self._handle, size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        if size > SMALLEST_READ:
            half = size // 2
            return self.fetch(offset, half) + self.fetch(offset + half, size - half)
        try:
            return self._files.pread(self._handle, size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.unreadable = True
            return bytes(size)


class Found(msgspec.Struct, frozen=True):
    """A valid frame."""

    offset: int
    head: FrameHead


class Hole(msgspec.Struct, frozen=True):
    """Bytes that are no valid frame."""

    offset: int
    end: int
    reason: str


class Survey(msgspec.Struct, kw_only=True):
    """What a segment holds."""

    index: Index
    holes: list[Hole]
    heads: list[int]  # ``head`` as it stood before each hole
    group: int = SEGMENT_HEADER_BYTES  # where the last group begins: what stands before it was durable
    end: int = SEGMENT_HEADER_BYTES  # behind the last valid frame
    head: int = 0  # sequence of the last record that valid frames speak of; 0 where none does


def survey(window: Window, codec: Codec, segment_id: int, payload_before: int, *, payloads: bool) -> Survey:
    """Read a segment once; ``payloads``: check the payloads' checksums as well."""
    seen = Survey(index=Index(payload_before), holes=[], heads=[])
    for item in scan(window, codec, codec.seed(segment_id), payloads=payloads):
        if isinstance(item, Hole):
            seen.holes.append(item)
            seen.heads.append(seen.head)
            continue
        head = item.head
        seen.group, seen.end, seen.head = head.group, item.offset + head.length, head.sequence + head.count - 1
        if head.count:
            entry = Entry(head.sequence, seen.head, item.offset, seen.end, head.payload_length, head.accepted)
            seen.index.add(entry)
    return seen


def scan(window: Window, codec: Codec, seed: int, *, payloads: bool) -> Iterator[Found | Hole]:
    """Frames and holes of a segment in order; zeros up to the end of the file are neither."""
    offset = SEGMENT_HEADER_BYTES
    while offset < window.size:
        head = frame_at(window, codec, seed, offset)
        if head is None:
            if window.blank(offset):
                return
            end = _next_frame(window, codec, seed, offset + 1)
            yield Hole(offset, end, "no valid frame header")
        else:
            end = offset + head.length
            if payloads and not _payload_intact(window, codec, head, end):
                yield Hole(offset, end, PAYLOAD_DAMAGED)
            else:
                yield Found(offset, head)
        offset = end


PAYLOAD_DAMAGED = "the payload does not match its checksum"


def frame_at(window: Window, codec: Codec, seed: int, offset: int) -> FrameHead | None:
    """The valid frame header at ``offset``, or None."""
    size = codec.decode_fixed(window.read(offset, FRAME_HEADER_BYTES), window.size - offset)
    return codec.decode_head(window.read(offset, size), seed) if size else None


def _payload_intact(window: Window, codec: Codec, head: FrameHead, end: int) -> bool:
    return codec.intact(head, window.read(end - head.payload_length, head.payload_length))


def _next_frame(window: Window, codec: Codec, seed: int, offset: int) -> int:
    while (offset := window.find(FRAME_MAGIC, offset)) >= 0:
        if frame_at(window, codec, seed, offset) is not None:
            return offset
        offset += 1
    return window.size

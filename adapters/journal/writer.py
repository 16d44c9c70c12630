"""Appends groups of frames to a lane's newest segment: one write, one fdatasync."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from adapters.journal.files import DISK_FULL, Buffer, Files, write_all
from adapters.journal.format import (
    FORMAT_VERSION,
    SEGMENT_HEADER_BYTES,
    Codec,
    PreparedFrame,
    SegmentHeader,
    microseconds,
)
from adapters.journal.index import Entry
from domain.errors import JournalFull
from ports.ambient import Clock


class Group(msgspec.Struct, frozen=True):
    """Frames that became durable together."""

    segment: SegmentHeader
    entries: list[Entry]


class _Active(msgspec.Struct):
    """The segment that is being written."""

    handle: int
    header: SegmentHeader
    seed: int
    end: int = SEGMENT_HEADER_BYTES  # behind the last durable frame


class SegmentWriter:
    """The writing end of a lane. Used by one thread; a segment is written by the process that created it."""

    def __init__(self, files: Files, codec: Codec, folder: Path, lane: str, clock: Clock, segment_bytes: int) -> None:
        self._files = files
        self._codec = codec
        self._folder = folder
        self._lane = lane
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._active: _Active | None = None
        self._next_id = 1
        self._next_sequence = 1
        self._payload_total = 0

    def begin(self, *, next_id: int, next_sequence: int, payload_total: int) -> None:
        """Say where the log goes on. The first segment is made with the first append."""
        self._next_id, self._next_sequence, self._payload_total = next_id, next_sequence, payload_total

    def append(self, frames: Sequence[PreparedFrame], written: Callable[[list[Entry]], None]) -> Group:
        """Make frames durable that one segment can hold; ``written`` is told of them when only the fsync is missing.

        Raises JournalFull (nothing was kept, the next call may succeed), or OSError: what the disk kept is unknown
        then, and nothing may be written any more.
        """
        active = self._active
        if active is None or active.end + sum(frame.size for frame in frames) > self._segment_bytes:
            active = self._roll()
        buffers, entries = self._encode(frames, active)
        try:
            write_all(self._files, active.handle, buffers, active.end)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            self._retreat(active)
            raise JournalFull from error
        written(entries)
        self._files.fdatasync(active.handle)
        active.end = entries[-1].end
        self._next_sequence = entries[-1].last + 1
        self._payload_total += sum(entry.payload_bytes for entry in entries)
        return Group(active.header, entries)

    def _encode(self, frames: Sequence[PreparedFrame], active: _Active) -> tuple[list[Buffer], list[Entry]]:
        buffers: list[Buffer] = []
        entries: list[Entry] = []
        offset, sequence = active.end, self._next_sequence
        for frame in frames:
            draft = frame.draft
            buffers += self._codec.encode_head(frame, active.seed, sequence, active.end), draft.payload
            last, end = sequence + draft.count - 1, offset + frame.size
            entries.append(Entry(sequence, last, offset, end, len(draft.payload), frame.accepted))
            offset, sequence = end, last + 1
        return buffers, entries

    def _roll(self) -> _Active:
        self._release()
        header = SegmentHeader(
            version=FORMAT_VERSION,
            lane=self._lane,
            id=self._next_id,
            first=self._next_sequence,
            payload_before=self._payload_total,
            created_at=microseconds(self._clock.now()),
        )
        handle = self._create(self._folder / segment_name(header.id), header)
        self._active = active = _Active(handle, header, self._codec.seed(header.id))
        self._files.fdatasync(handle)
        self._files.fsync_directory(self._folder)
        self._next_id += 1
        return active

    def _create(self, path: Path, header: SegmentHeader) -> int:
        handle = None
        try:
            handle = self._files.create(path)
            self._files.preallocate(handle, self._segment_bytes)
            write_all(self._files, handle, (self._codec.encode_segment(header),), 0)
        except OSError as error:
            with suppress(OSError):  # what stays is emptied by the next attempt, or removed by the next start
                if handle is not None:
                    self._files.close(handle)
                    self._files.unlink(path)
            if error.errno in DISK_FULL:
                raise JournalFull from error
            raise
        return handle

    def _retreat(self, active: _Active) -> None:
        """Take back a group that did not fit on the disk; the next append begins a new segment."""
        self._files.truncate(active.handle, active.end)
        self._files.fdatasync(active.handle)
        self._release()

    def close(self, *, seal: bool) -> None:
        """Stop writing. Everything that was answered is durable already, so a seal that fails is no loss."""
        with suppress(OSError):
            if self._active is not None and seal:
                self._seal(self._active)
        self._release()

    def _seal(self, active: _Active) -> None:
        seal = self._codec.encode_seal(active.seed, self._next_sequence, active.end)
        end = write_all(self._files, active.handle, (seal,), active.end)
        self._files.truncate(active.handle, end)
        self._files.fdatasync(active.handle)

    def _release(self) -> None:
        active, self._active = self._active, None
        if active is not None:
            self._files.close(active.handle)


def segment_name(segment_id: int) -> str:
    """File name of a segment."""
    return f"{segment_id:020d}.segment"

"""One lane's log without threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from adapters.journal.files import DISK_FULL, Files, establish
from adapters.journal.format import SEGMENT_HEADER_BYTES, Codec, PreparedFrame
from adapters.journal.index import Entry
from adapters.journal.quarantine import Quarantine, Report
from adapters.journal.recovery import Recovery
from adapters.journal.shelf import Shelf
from adapters.journal.writer import SegmentWriter
from domain.errors import DataFolderUnusable, JournalFailed, JournalFull, PayloadTooLarge
from domain.model.frames import BufferDepth, Frame, FrameDraft, Position
from ports.ambient import Clock


class Lane:
    """A lane's two ends: ``append`` belongs to one thread, ``read``, ``commit`` and ``depth`` to another."""

    def __init__(
        self,
        files: Files,
        folder: Path,
        name: str,
        *,
        readers: Sequence[str],
        segment_bytes: int,
        clock: Clock,
        report: Report,
        codec: Codec,
    ) -> None:
        self.name = name
        self.capacity = segment_bytes - SEGMENT_HEADER_BYTES  # bytes of frames that one segment holds
        self.failure: str | None = None  # set once and for good: nothing is written any more
        self._files = files
        self._folder = folder
        self._codec = codec
        quarantine = Quarantine(files, folder / "quarantine", name, report)
        self._recovery = Recovery(files, codec, folder, name, quarantine, report)
        self._shelf = Shelf(files, codec, folder, name, readers, quarantine)
        self._writer = SegmentWriter(files, codec, folder, name, clock, segment_bytes)

    def open(self) -> int:
        """Recover the log; returns the sequence of its last record. Raises StartFailure."""
        try:
            establish(self._files, self._folder)
            recovered = self._recovery.run()
            self._shelf.open(recovered)
        except OSError as error:
            self._shelf.close()
            raise DataFolderUnusable(f"The journal in {self._folder} cannot be used: {error.strerror}.") from error
        self._writer.begin(
            next_id=recovered.next_id, next_sequence=self._shelf.head + 1, payload_total=self._shelf.payload_total
        )
        return self._shelf.head

    def prepare(self, draft: FrameDraft) -> PreparedFrame:
        """Encode a draft; from any thread. Raises PayloadTooLarge for what no segment can hold."""
        frame = self._codec.prepare(draft)
        if frame.size > self.capacity:
            raise PayloadTooLarge(f"{frame.size} bytes are more than a segment's {self.capacity}.")
        return frame

    def append(self, frames: Sequence[PreparedFrame], written: Callable[[list[Position]], None]) -> list[Position]:
        """Make frames of together at most ``capacity`` bytes durable. Raises JournalFull or JournalFailed.

        ``written``: told their places before they are durable; what follows is success or JournalFailed.
        """
        self._check()
        try:
            group = self._writer.append(frames, lambda entries: written(_positions(entries)))
        except OSError as error:
            raise self._fail("Writing", error) from error
        self._shelf.publish(group)
        return _positions(group.entries)

    def read(self, after: int, max_bytes: int) -> list[Frame]:
        """Durable frames behind ``after``, at most ``max_bytes`` of payload but at least one. Raises JournalFailed."""
        try:
            return self._shelf.read(after, max_bytes)
        except OSError as error:
            raise JournalFailed(self._told("Reading", error)) from error

    def commit(self, reader: str, through: int) -> None:
        """Move a watermark. Raises JournalFull (nothing moved) or JournalFailed."""
        self._check()
        try:
            self._shelf.commit(reader, through)
        except OSError as error:
            if error.errno in DISK_FULL:
                raise JournalFull from error
            raise self._fail("Moving a watermark in", error) from error

    def depth(self, reader: str) -> BufferDepth:
        """What waits for a reader. Raises JournalFailed."""
        try:
            return self._shelf.depth(reader)
        except OSError as error:
            raise JournalFailed(self._told("Reading", error)) from error

    def close_writer(self) -> None:
        """Seal what was written; nothing is appended any more."""
        self._writer.close(seal=self.failure is None)

    def close(self) -> None:
        """Release the reading end."""
        self._shelf.close()

    def _check(self) -> None:
        if self.failure is not None:
            raise JournalFailed(self.failure)

    def _fail(self, doing: str, error: OSError) -> JournalFailed:
        """Remember that the disk failed: a second fsync would answer for pages that are already dropped."""
        self.failure = self._told(doing, error)
        return JournalFailed(self.failure)

    def _told(self, doing: str, error: OSError) -> str:
        return f"{doing} the journal of {self.name} failed: {error.strerror or error}."


def _positions(entries: Sequence[Entry]) -> list[Position]:
    return [Position(0, entry.first, entry.last) for entry in entries]

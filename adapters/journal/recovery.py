"""What a start finds in a lane's folder: which segments there are, and where the log ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from adapters.journal.files import Files, suppress_full_disk, write_all
from adapters.journal.format import FORMAT_VERSION, SEGMENT_HEADER_BYTES, Codec, SegmentHeader
from adapters.journal.quarantine import Quarantine, Report
from adapters.journal.scan import Survey, Window, survey
from adapters.journal.segments import Segment
from domain.errors import StartFailure
from domain.model.observations import TornTailCut

_NAME = re.compile(r"(\d{20})\.segment", re.ASCII)


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """The log as it was left."""

    segments: list[Segment]  # in order; the last one is indexed
    head: int  # sequence of the last record
    next_id: int


class _Candidate(msgspec.Struct, frozen=True):
    """A file and what it says it is."""

    path: Path
    id: int
    header: SegmentHeader | None
    first: int = 0

    @property
    def rank(self) -> tuple[bool, bool]:
        """Of two files with one id the greater rank is believed."""
        return self.header is not None, self.path.name.startswith(f"{self.id:020d}")


class Recovery:
    """Reads a lane's folder. Raises OSError where the disk fails, StartFailure for a newer format."""

    def __init__(
        self, files: Files, codec: Codec, folder: Path, lane: str, quarantine: Quarantine, report: Report
    ) -> None:
        self._files = files
        self._codec = codec
        self._folder = folder
        self._lane = lane
        self._quarantine = quarantine
        self._report = report

    def run(self) -> Recovered:
        """Find the segments, report what is damaged or missing, and cut the torn tail durably."""
        names = sorted(name for name in self._files.list_directory(self._folder) if _NAME.fullmatch(name))
        chosen: dict[int, _Candidate] = {}
        for candidate in self._candidates(names):
            rival = chosen.setdefault(candidate.id, candidate)
            if rival is not candidate:
                worse, chosen[candidate.id] = sorted((rival, candidate), key=lambda each: each.rank)
                self._remove(worse.path, f"a second segment {worse.id}")
        segments = self._segments([chosen[id_] for id_ in sorted(chosen)])
        head = self._settle(segments[-1]) if segments else 0
        self._files.fsync_directory(self._folder)
        taken = [int(candidate.path.name[:20]) for candidate in chosen.values()]
        return Recovered(segments=segments, head=head, next_id=max([0, *chosen, *taken]) + 1)

    def _candidates(self, names: list[str]) -> Iterator[_Candidate]:
        for name in names:
            handle = self._files.open(self._folder / name)
            try:
                candidate = self._inspect(self._folder / name, Window(self._files, handle))
            finally:
                self._files.close(handle)
            if candidate is not None:
                yield candidate

    def _inspect(self, path: Path, window: Window) -> _Candidate | None:
        header = self._codec.decode_segment(window.fetch(0, SEGMENT_HEADER_BYTES))
        if header is None:
            return self._inspect_headless(path, window)
        if header.version != FORMAT_VERSION:
            found = f"{path} has format version {header.version}; this release reads {FORMAT_VERSION}."
            raise StartFailure(f"{found} Start the release that wrote it.")
        if header.lane != self._lane:
            self._remove(path, f"a segment of {header.lane}")
            return None
        return _Candidate(path, header.id, header, header.first)

    def _inspect_headless(self, path: Path, window: Window) -> _Candidate | None:
        if window.blank(0) and not window.unreadable:  # its creation was interrupted before anything stood in it
            self._files.unlink(path)
            return None
        id_ = int(path.name[:20])
        seen = survey(window, self._codec, id_, 0, payloads=False)
        if not len(seen.index):
            self._remove(path, "neither a segment header nor a frame")
            return None
        self._quarantine.keep(window, path.name, 0, SEGMENT_HEADER_BYTES, "the segment header is damaged")
        return _Candidate(path, id_, None, seen.index[0].first)

    def _segments(self, candidates: list[_Candidate]) -> list[Segment]:
        segments: list[Segment] = []
        for candidate in candidates:
            if candidate.header is not None:
                before = candidate.header.payload_before
            else:
                before = self._payload_through(segments[-1]) if segments else 0
            segments.append(
                Segment(
                    self._files,
                    self._codec,
                    candidate.path,
                    id=candidate.id,
                    first=candidate.first,
                    payload_before=before,
                )
            )
        return segments

    def _payload_through(self, segment: Segment) -> int:
        seen, _ = segment.survey(payloads=False)
        segment.release()
        return seen.index.payload_total

    def _settle(self, last: Segment) -> int:
        """Tell damage from a torn tail, cut the tail, make the rest durable. Returns the last record's sequence."""
        seen, window = last.survey(payloads=True)
        torn = None if window.unreadable else _cut_torn_tail(seen)
        for hole in seen.holes:
            if torn is None or hole.offset < torn:
                self._quarantine.keep(window, last.path.name, hole.offset, hole.end, hole.reason)
        if torn is not None:
            self._report(TornTailCut(lane=self._lane, segment=last.path.name, offset=torn))
        last.index = seen.index
        if not window.unreadable:
            if seen.end < window.size:
                self._files.truncate(last.handle, seen.end)
            self._write_again(last.handle, window, min(seen.group, seen.end), seen.end)
        self._files.fdatasync(last.handle)
        return max(seen.head, last.first - 1)

    def _write_again(self, handle: int, window: Window, start: int, end: int) -> None:
        """Write header and last group once more: a failed fsync may have left them in the page cache only, as clean."""
        with suppress_full_disk():
            write_all(self._files, handle, (window.fetch(0, SEGMENT_HEADER_BYTES),), 0)
            write_all(self._files, handle, (window.fetch(start, end - start),), start)

    def _remove(self, path: Path, reason: str) -> None:
        """Set a whole file aside; it stays where it is when it cannot be copied."""
        handle = self._files.open(path)
        try:
            window = Window(self._files, handle)
            kept = self._quarantine.keep(window, path.name, 0, window.size, reason)
        finally:
            self._files.close(handle)
        if kept:
            self._files.unlink(path)


def _cut_torn_tail(seen: Survey) -> int | None:
    """Leave out what is behind the first hole that no later group proves to have been durable; where that begins.

    Whole frames behind the hole go with it, and so do their numbers: whoever was told of them early must learn that
    they are lost.
    """
    for hole, head in zip(seen.holes, seen.heads, strict=True):
        if hole.offset >= seen.group:
            seen.index.cut(hole.offset)
            seen.end, seen.head = hole.offset, head
            return hole.offset
    return None

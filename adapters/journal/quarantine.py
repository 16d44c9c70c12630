"""Sets damaged bytes aside so that the log can go on behind them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adapters.journal.files import Files, write_all
from adapters.journal.scan import CHUNK, Window
from domain.model.observations import FrameQuarantined, Observation

Report = Callable[[Observation], None]


class Quarantine:
    """Copies of what could not be read, each made, reported and counted once per opening."""

    def __init__(self, files: Files, folder: Path, lane: str, report: Report) -> None:
        self._files = files
        self._folder = folder
        self._lane = lane
        self._report = report
        self._seen: set[tuple[str, int]] = set()

    @property
    def count(self) -> int:
        """Damaged places met since the log was opened."""
        return len(self._seen)

    def keep(self, window: Window, name: str, offset: int, end: int, reason: str) -> bool:
        """Copy the bytes ``offset..end`` of a file; False when the copy could not be made durable."""
        if (name, offset) in self._seen:
            return True
        try:
            self._copy(window, self._folder / f"{name}-{offset}", offset, end)
        except OSError as error:
            self.note(name, offset, end - offset, f"{reason}; not copied: {error.strerror or error}")
            return False
        self.note(name, offset, end - offset, reason)
        return True

    def note(self, name: str, offset: int, size: int, reason: str) -> None:
        """Report damage of which there is nothing to copy."""
        if (name, offset) not in self._seen:
            self._seen.add((name, offset))
            self._report(FrameQuarantined(lane=self._lane, segment=name, offset=offset, size=size, reason=reason))

    def _copy(self, window: Window, target: Path, offset: int, end: int) -> None:
        self._files.make_directory(self._folder)
        self._files.fsync_directory(self._folder.parent)
        handle = self._files.create(target)
        try:
            written = 0
            while offset + written < end:
                chunk = window.read(offset + written, min(CHUNK, end - offset - written))
                written = write_all(self._files, handle, (chunk,), written)
            self._files.fdatasync(handle)
        finally:
            self._files.close(handle)
        self._files.fsync_directory(self._folder)

"""How far a reader has come, durably: two slots, written in turn."""

from __future__ import annotations

import zlib
from pathlib import Path
from struct import Struct
from typing import Self

from adapters.journal.files import Files, suppress_full_disk, write_all
from adapters.journal.scan import Window

SLOT_BYTES = 4096  # apart by the largest common sector, so that writing one never touches the other
MARK_BYTES = 2 * SLOT_BYTES
_MAGIC = b"\xffMK\xfe"
_SLOT = Struct("<4sIQQ")
_BODY = Struct("<QQ")


class Watermark:
    """One reader's mark in a lane. Methods raise OSError."""

    def __init__(self, files: Files, handle: int, owner: str) -> None:
        """``owner``: lane and reader; a mark of another owner is not valid here."""
        self._files = files
        self._handle = handle
        self._seed = zlib.crc32(owner.encode())
        self._generation = 0
        self.through = 0  # last record of the applied prefix
        self.found = False  # whether a valid slot was there
        self.damaged = False  # whether bytes were there and no slot was valid

    @classmethod
    def open(cls, files: Files, path: Path, owner: str, *, exists: bool) -> Self:
        """Read a mark and make what was read durable; make the file where it is missing."""
        handle = files.open(path) if exists else files.create(path)
        if files.size(handle) < MARK_BYTES:
            files.preallocate(handle, MARK_BYTES)
        mark = cls(files, handle, owner)
        mark._read(Window(files, handle))
        files.fdatasync(handle)
        if mark.found:
            with suppress_full_disk():  # once more: a failed fsync may have left it in the page cache only, as clean
                mark.move(mark.through)
        return mark

    def move(self, through: int) -> None:
        """Durably set the mark."""
        generation = self._generation + 1
        body = _BODY.pack(generation, through)
        slot = _MAGIC + zlib.crc32(body, self._seed).to_bytes(4, "little") + body
        write_all(self._files, self._handle, (slot,), generation % 2 * SLOT_BYTES)
        self._files.fdatasync(self._handle)
        self._generation, self.through = generation, through

    def close(self) -> None:
        """Release the file."""
        self._files.close(self._handle)

    def _read(self, window: Window) -> None:
        found = [window.fetch(start, _SLOT.size) for start in (0, SLOT_BYTES)]
        slots = [slot for content in found if (slot := self._slot(content))]
        if slots:
            self._generation, self.through = max(slots)
        self.found, self.damaged = bool(slots), not slots and (any(map(any, found)) or window.unreadable)

    def _slot(self, content: bytes) -> tuple[int, int] | None:
        magic, crc, generation, through = _SLOT.unpack(content)
        body = content[-_BODY.size :]
        return (generation, through) if magic == _MAGIC and crc == zlib.crc32(body, self._seed) else None

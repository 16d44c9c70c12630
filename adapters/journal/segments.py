"""One segment as its readers see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from adapters.journal.files import Files
from adapters.journal.format import FRAME_HEADER_BYTES, Codec
from adapters.journal.headers import MalformedHeaders
from adapters.journal.index import Entry, Index
from adapters.journal.scan import PAYLOAD_DAMAGED, Hole, Survey, Window, survey
from domain.model.frames import Frame


class Damaged(msgspec.Struct, frozen=True):
    """A frame that was indexed and cannot be read any more."""

    entry: Entry
    reason: str


class Segment:
    """A file of frames. Its index is made by a scan, or grows with what becomes durable."""

    def __init__(self, files: Files, codec: Codec, path: Path, *, id: int, first: int, payload_before: int) -> None:  # noqa: A002
        self._files = files
        self._codec = codec
        self._handle: int | None = None
        self.path = path
        self.id = id
        self.first = first  # sequence of the first record that may stand in it
        self.payload_before = payload_before
        self.index: Index | None = None

    @property
    def handle(self) -> int:
        """Descriptor for reading, opened when it is first needed."""
        if self._handle is None:
            self._handle = self._files.open(self.path)
        return self._handle

    def window(self) -> Window:
        """The file as it is now."""
        return Window(self._files, self.handle)

    def survey(self, *, payloads: bool) -> tuple[Survey, Window]:
        """Read the whole file once."""
        window = self.window()
        return survey(window, self._codec, self.id, self.payload_before, payloads=payloads), window

    def load(self) -> tuple[Index, list[Hole]]:
        """Index a segment that is written no more; the holes are damage."""
        seen, _ = self.survey(payloads=False)
        self.index = seen.index
        return seen.index, seen.holes

    def frames(self, index: Index, start: int, stop: int) -> Iterator[Frame | Damaged]:
        """Read the frames at the places ``start..stop-1``, checking every checksum."""
        entries = [index[place] for place in range(start, stop)]
        base = entries[0].offset
        region = self.window().fetch(base, entries[-1].end - base)
        seed = self._codec.seed(self.id)
        for entry in entries:
            yield self._decode(region[entry.offset - base : entry.end - base], entry, seed)

    def _decode(self, data: bytes, entry: Entry, seed: int) -> Frame | Damaged:
        start = self._codec.decode_fixed(data[:FRAME_HEADER_BYTES], len(data))
        head = self._codec.decode_head(data[:start], seed) if start else None
        if head is None or head.sequence != entry.first:
            return Damaged(entry, "the frame header does not match its checksum")
        payload = data[start:]
        if not self._codec.intact(head, payload):
            return Damaged(entry, PAYLOAD_DAMAGED)
        try:
            return self._codec.frame(head, data[FRAME_HEADER_BYTES:start], payload)
        except MalformedHeaders as error:
            return Damaged(entry, str(error))

    def release(self) -> None:
        """Give back descriptor and memory; both come again when needed."""
        self.index = None
        handle, self._handle = self._handle, None
        if handle is not None:
            self._files.close(handle)

"""Files of records: NDJSON, plain or gzip, read and written as streams."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Container, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from domain.model.logs import LOGS
from domain.model.policies import MAX_RECORD_BYTES
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS

KINDS = (TASKS, SESSIONS, USERS)  # a task has a session_id too, and a session a user_id: its own key decides
_OF_LOGS = {"level", "message"}  # must be in a log, which may name a task and need not have a key, and in nothing else
PATHS = {
    SESSIONS.envelope: "/api/v1/translation/sessions",
    TASKS.envelope: "/api/v1/translation/tasks",
    USERS.envelope: "/api/v1/users",
    LOGS.envelope: "/api/v1/logs",
}
PORTION_BYTES = 4 * 1024 * 1024
_LONGEST_LINE = 2 * MAX_RECORD_BYTES
_HOPELESS_LINES = 10  # so many lines without a record: this is a file of something else
_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """Records that go into one request."""

    file: str
    envelope: str  # "sessions", "tasks", "users" or "logs"
    records: tuple[bytes, ...]  # JSON objects as they stand in the file
    lines: tuple[int, ...]  # the number of each record's line, from 1
    position: int  # bytes of the file on disk that were read so far

    @property
    def body(self) -> bytes:
        """The request body."""
        return b'{"%s":[%s]}' % (self.envelope.encode(), b",".join(self.records))

    def without(self, places: Container[int]) -> Portion:
        """The other records."""
        kept = [place for place in range(len(self.records)) if place not in places]
        records, lines = (tuple(column[place] for place in kept) for column in (self.records, self.lines))
        return msgspec.structs.replace(self, records=records, lines=lines)

    def halves(self) -> tuple[Portion, Portion]:
        """The same records in two portions."""
        middle = len(self.records) // 2
        first = msgspec.structs.replace(self, records=self.records[:middle], lines=self.lines[:middle])
        second = msgspec.structs.replace(self, records=self.records[middle:], lines=self.lines[middle:])
        return first, second


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was not taken, and why."""

    file: str
    line: int
    detail: str
    is_foreign: bool = False  # the line is nothing that could be a record


def portions(path: Path, size: int) -> Iterator[Portion | Refusal]:
    """Cut a file into portions of at most ``size`` records; a line that cannot be a record is refused by itself.

    The first record tells the kind of all. Memory is bounded by one portion. A pipe will do, and so will gzip under
    any name.
    """
    reader = _Reader(str(path), size)
    try:
        with path.open("rb") as raw:
            for number, line in enumerate(_lines(raw), start=1):
                yield from reader.take(number, line, raw.tell() if raw.seekable() else 0)
                if reader.hopeless:
                    return
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield reader.end(f"the compressed file is damaged here, nothing behind can be read: {error}")
    except OSError as error:
        yield reader.end(f"the file cannot be read on from here: {error.strerror or error}")
    yield from reader.rest()


def size_of(path: Path) -> int:
    """The bytes of a file on disk; 0 where it has no size or is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _lines(raw: BufferedReader) -> Iterator[bytes]:
    """The lines; only the beginning of one that is too long to be a record."""
    compressed = raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    readable = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if compressed else raw
    mark = _BYTE_ORDER_MARK
    while line := readable.readline(_LONGEST_LINE):
        yield line.removeprefix(mark)
        mark = b""
        while _is_cut(line):
            line = readable.readline(_LONGEST_LINE)


def _is_cut(line: bytes) -> bool:
    return len(line) == _LONGEST_LINE and not line.endswith(b"\n")


class _Reader:
    """Collects the lines of one file into portions."""

    def __init__(self, file: str, size: int) -> None:
        self.hopeless = False  # nothing in this file can be a record
        self.line = 0
        self._file = file
        self._size = size
        self._envelope = ""
        self._refused = 0
        self._position = 0
        self._records: list[bytes] = []
        self._lines: list[int] = []
        self._bytes = 0

    def take(self, number: int, line: bytes, position: int) -> Iterator[Portion | Refusal]:
        """One more line; what is complete comes out."""
        self.line, self._position = number, position
        record = line.strip()
        if not record:
            return
        fault = self._fault(line, record)
        if fault:
            yield Refusal(file=self._file, line=number, detail=fault, is_foreign=True)
            yield from self._give_up()
            return
        if self._bytes + len(record) > PORTION_BYTES:
            yield from self.rest()
        self._records.append(record)
        self._lines.append(number)
        self._bytes += len(record)
        if len(self._records) == self._size:
            yield from self.rest()

    def _give_up(self) -> Iterator[Refusal]:
        """Read no further in a file that begins without a record, line after line."""
        self._refused += 1
        if not self._envelope and self._refused == _HOPELESS_LINES:
            self.hopeless = True
            yield self.end(f"after {_HOPELESS_LINES} lines without a record the rest is not read: not a file of NDJSON")

    def end(self, detail: str) -> Refusal:
        """The refusal of everything behind the last line."""
        return Refusal(file=self._file, line=self.line + 1, detail=detail)

    def rest(self) -> Iterator[Portion]:
        """What is collected so far."""
        if self._records:
            yield Portion(
                file=self._file,
                envelope=self._envelope,
                records=tuple(self._records),
                lines=tuple(self._lines),
                position=self._position,
            )
        self._records, self._lines, self._bytes = [], [], 0

    def _fault(self, line: bytes, record: bytes) -> str:
        if _is_cut(line):
            return f"the line is longer than {_LONGEST_LINE} bytes; expected one JSON object a line (NDJSON)"
        try:
            found = _OBJECT.decode(record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return f"not a JSON object: {error}"
        if not self._envelope:
            self._envelope = _kind_of(found)
            self.hopeless = not self._envelope
        fault = (
            "no task (task_id), session (session_id), user (user_id) or log (level, message); "
            "nothing of this file is sent"
        )
        return "" if self._envelope else fault


def _kind_of(members: Container[str]) -> str:
    """The envelope of a record's kind; empty where it is of none."""
    if all(name in members for name in _OF_LOGS):
        return LOGS.envelope
    return next((kind.envelope for kind in KINDS if kind.key in members), "")

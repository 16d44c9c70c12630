"""What the journal asks of a disk: every file operation it ever does, behind one small interface."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Buffer = bytes | memoryview
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


class Files(Protocol):
    """A file system. Every method blocks, and raises OSError. A handle is an integer, valid until it is closed."""

    def create(self, path: Path) -> int:
        """Open a new, empty file for reading and writing; what was there before is emptied."""
        ...

    def open(self, path: Path) -> int:
        """Open a file that exists for reading and writing."""
        ...

    def close(self, handle: int) -> None:
        """Give a handle back."""
        ...

    def size(self, handle: int) -> int:
        """Bytes in the file."""
        ...

    def preallocate(self, handle: int, size: int) -> None:
        """Reserve space so that the file has ``size`` bytes; the new ones read as zero."""
        ...

    def pwrite(self, handle: int, buffers: Sequence[Buffer], offset: int) -> int:
        """Write buffers one behind the other; returns how many bytes were written, which may be fewer."""
        ...

    def pread(self, handle: int, size: int, offset: int) -> bytes:
        """Read at most ``size`` bytes; fewer only at the end of the file."""
        ...

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        ...

    def fdatasync(self, handle: int) -> None:
        """Make content and size durable. After a failure the state of the unsynced bytes is unknown for good."""
        ...

    def make_directory(self, path: Path) -> None:
        """Make a directory and its missing ancestors; one that is there is not an error."""
        ...

    def list_directory(self, path: Path) -> Sequence[str]:
        """Names in a directory, in any order."""
        ...

    def fsync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a file; open handles stay valid."""
        ...


def _repeated(operation: Callable[P, T]) -> Callable[P, T]:
    @wraps(operation)
    def repeat(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            try:
                return operation(*args, **kwargs)
            except InterruptedError:
                continue

    return repeat


class Uninterrupted:
    """Files whose operations are repeated when a signal interrupts them (EINTR), and whose ``close`` never raises."""

    def __init__(self, files: Files) -> None:
        self._close = files.close
        self.create = _repeated(files.create)
        self.open = _repeated(files.open)
        self.size = _repeated(files.size)
        self.preallocate = _repeated(files.preallocate)
        self.pwrite = _repeated(files.pwrite)
        self.pread = _repeated(files.pread)
        self.truncate = _repeated(files.truncate)
        self.fdatasync = _repeated(files.fdatasync)
        self.make_directory = _repeated(files.make_directory)
        self.list_directory = _repeated(files.list_directory)
        self.fsync_directory = _repeated(files.fsync_directory)
        self.unlink = _repeated(files.unlink)

    def close(self, handle: int) -> None:
        """Close once: the handle is gone whatever the answer, and what matters was said by fdatasync."""
        with suppress(OSError):
            self._close(handle)


def write_all(files: Files, handle: int, buffers: Sequence[Buffer], offset: int) -> int:
    """Write every byte, however short the single writes are; returns the offset behind the last one."""
    total = sum(map(len, buffers))
    written = files.pwrite(handle, buffers, offset)
    if written < total:
        rest = memoryview(b"".join(buffers))
        while written < total:
            step = files.pwrite(handle, (rest[written:],), offset + written)
            if step == 0:
                raise OSError(errno.EIO, "The disk takes no bytes and names no reason")
            written += step
    return offset + total


@contextmanager
def suppress_full_disk() -> Iterator[None]:
    """For writes that are a precaution: a full disk may leave them undone."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise


def establish(files: Files, folder: Path) -> None:
    """Make a folder durable with all its ancestors, whoever made them and whenever."""
    files.make_directory(folder)
    files.fsync_directory(folder)
    for ancestor in folder.parents:
        try:
            files.fsync_directory(ancestor)
        except PermissionError:  # not ours to read, so it was there before us
            continue

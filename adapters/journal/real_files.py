"""The operating system's files."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from adapters.journal.files import Buffer

MAX_BUFFERS = 1024  # IOV_MAX: what one gather write takes
_fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has fsync only
_NOT_SUPPORTED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class RealFiles:
    """POSIX files by descriptor."""

    def create(self, path: Path) -> int:
        """Open a new, empty file."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def open(self, path: Path) -> int:
        """Open a file that exists."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def close(self, handle: int) -> None:
        """Close the descriptor."""
        os.close(handle)

    def size(self, handle: int) -> int:
        """Bytes in the file."""
        return os.fstat(handle).st_size

    def preallocate(self, handle: int, size: int) -> None:
        """Reserve blocks; where the file system cannot, only the size is set and a write may meet a full disk."""
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
            os.ftruncate(handle, size)

    def pwrite(self, handle: int, buffers: Sequence[Buffer], offset: int) -> int:
        """One gather write."""
        return os.pwritev(handle, buffers[:MAX_BUFFERS], offset)

    def pread(self, handle: int, size: int, offset: int) -> bytes:
        """Read, going on after a short read that is not the end of the file."""
        data = os.pread(handle, size, offset)
        while len(data) < size and (more := os.pread(handle, size - len(data), offset + len(data))):
            data += more
        return data

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file."""
        os.ftruncate(handle, size)

    def fdatasync(self, handle: int) -> None:
        """Flush content and size to the device."""
        _fdatasync(handle)

    def make_directory(self, path: Path) -> None:
        """Make a directory with its ancestors."""
        path.mkdir(parents=True, exist_ok=True)

    def list_directory(self, path: Path) -> Sequence[str]:
        """Names in a directory."""
        return [entry.name for entry in path.iterdir()]

    def fsync_directory(self, path: Path) -> None:
        """Flush the directory's entries; a file system that knows no such thing needs none."""
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
        finally:
            os.close(handle)

    def unlink(self, path: Path) -> None:
        """Remove the file."""
        path.unlink()

"""Disks that misbehave: one whose n-th call fails, and one that forgets at a power cut what was not synced.

The write-back disk keeps two versions of everything: what a program sees, and what the platter holds. ``fdatasync``
carries a file's sectors and size over, ``fsync_directory`` a directory's names, and neither does the other's work.
``after_power_cut`` gives the disk that the next boot finds: durable things are there, of the others any subset,
sector by sector and name by name.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from threading import RLock
from typing import Any

SECTOR = 512


class PowerCut(BaseException):
    """The machine is off; no code of the program runs on."""


class _File:
    def __init__(self, content: bytes = b"") -> None:
        self.seen = bytearray(content)
        self.durable = bytearray(content)
        self.dirty: set[int] = set()  # sectors that differ, or may

    def touch(self, start: int, end: int) -> None:
        self.dirty.update(range(start // SECTOR, -(-end // SECTOR)))

    def resize(self, size: int) -> None:
        old = len(self.seen)
        self.touch(min(old, size), max(old, size))
        self.seen[size:] = bytes(max(0, size - old))

    def sync(self) -> None:
        self.durable = self._mixed(len(self.seen), lambda: True)
        self.dirty.clear()

    def after_power_cut(self, keep: Callable[[], bool]) -> _File:
        size = len(self.seen) if keep() else len(self.durable)
        return _File(self._mixed(size, keep))

    def _mixed(self, size: int, keep: Callable[[], bool]) -> bytearray:
        content = bytearray(self.durable[:size].ljust(size, b"\0"))
        for sector in sorted(self.dirty):
            start, end = sector * SECTOR, min((sector + 1) * SECTOR, size)
            if start < end and keep():
                content[start:end] = self.seen[start:end].ljust(end - start, b"\0")
        return content


class _Directory:
    def __init__(self) -> None:
        self.seen: dict[str, _File | _Directory] = {}
        self.durable: dict[str, _File | _Directory] = {}

    def after_power_cut(self, keep: Callable[[], bool]) -> _Directory:
        survivor = _Directory()
        for name in sorted(self.seen.keys() | self.durable.keys()):
            seen, durable = self.seen.get(name), self.durable.get(name)
            node = durable if seen is durable or not keep() else seen
            if node is not None:
                survivor.seen[name] = survivor.durable[name] = node.after_power_cut(keep)
        return survivor


class WriteBackDisk:
    """``Files`` in memory with a write-back cache."""

    def __init__(self, root: _Directory | None = None) -> None:
        self._root = root or _Directory()
        self._handles: dict[int, _File] = {}
        self._next = 3
        self._lock = RLock()
        self.room: int | None = None  # bytes that may still be written or reserved; None: plenty

    def after_power_cut(self, random: Random) -> WriteBackDisk:
        """The disk at the next boot: of what was not synced nothing, everything, or any part has survived."""
        share = random.choice((0.0, 0.5, 0.9, 1.0))
        with self._lock:
            return WriteBackDisk(self._root.after_power_cut(lambda: random.random() < share))

    def lose_unsynced(self, handle: int) -> None:
        """What Linux does when writing back fails: the pages count as clean and readable, and never reach the disk."""
        self._handles[handle].dirty.clear()

    def content(self, path: Path) -> bytearray:
        """The bytes that a program sees, for a test to damage; what it changes is durable damage."""
        file = self._file(path)
        file.sync()
        file.seen = file.durable
        return file.seen

    def replace(self, path: Path, content: bytes) -> None:
        """Put a file there, durably."""
        directory = self._directory(path.parent)
        directory.seen[path.name] = directory.durable[path.name] = _File(content)

    def remove(self, path: Path) -> None:
        """Take a file away, durably."""
        directory = self._directory(path.parent)
        del directory.seen[path.name], directory.durable[path.name]

    @property
    def open_handles(self) -> int:
        return len(self._handles)

    # Files

    def create(self, path: Path) -> int:
        with self._lock:
            directory = self._directory(path.parent)
            file = directory.seen.setdefault(path.name, _File())
            assert isinstance(file, _File)
            file.resize(0)
            return self._handle(file)

    def open(self, path: Path) -> int:
        with self._lock:
            return self._handle(self._file(path))

    def close(self, handle: int) -> None:
        del self._handles[handle]

    def size(self, handle: int) -> int:
        return len(self._handles[handle].seen)

    def preallocate(self, handle: int, size: int) -> None:
        with self._lock:
            file = self._handles[handle]
            if self.room is not None and size - len(file.seen) > self.room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._spend(size - len(file.seen))
            file.resize(max(size, len(file.seen)))

    def pwrite(self, handle: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        with self._lock:
            file, data = self._handles[handle], b"".join(buffers)
            if self.room == 0 and data:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            data = data[: self.room]
            self._spend(len(data))
            end = offset + len(data)
            if end > len(file.seen):
                file.resize(end)
            file.seen[offset:end] = data
            file.touch(offset, end)
            return len(data)

    def pread(self, handle: int, size: int, offset: int) -> bytes:
        with self._lock:
            return bytes(self._handles[handle].seen[offset : offset + size])

    def truncate(self, handle: int, size: int) -> None:
        with self._lock:
            self._handles[handle].resize(size)

    def fdatasync(self, handle: int) -> None:
        with self._lock:
            self._handles[handle].sync()

    def make_directory(self, path: Path) -> None:
        with self._lock:
            directory = self._root
            for name in path.parts[1:]:
                node = directory.seen.setdefault(name, _Directory())
                assert isinstance(node, _Directory)
                directory = node

    def list_directory(self, path: Path) -> list[str]:
        return list(self._directory(path).seen)

    def fsync_directory(self, path: Path) -> None:
        with self._lock:
            directory = self._directory(path)
            directory.durable = dict(directory.seen)

    def unlink(self, path: Path) -> None:
        with self._lock:
            if self._directory(path.parent).seen.pop(path.name, None) is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def _spend(self, size: int) -> None:
        if self.room is not None:
            self.room -= max(0, size)

    def _handle(self, file: _File) -> int:
        handle, self._next = self._next, self._next + 1
        self._handles[handle] = file
        return handle

    def _directory(self, path: Path) -> _Directory:
        node: _File | _Directory | None = self._root
        for name in path.parts[1:]:
            node = node.seen.get(name) if isinstance(node, _Directory) else None
        if not isinstance(node, _Directory):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return node

    def _file(self, path: Path) -> _File:
        node = self._directory(path.parent).seen.get(path.name)
        if not isinstance(node, _File):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return node


Fault = Callable[["FailingFiles", str, tuple], object]


class FailingFiles:
    """Files whose ``nth`` call (from 1, of the operations in ``only``, or of all) meets a fault; it can be set anew."""

    def __init__(self, files: Any, nth: int = 0, fault: Fault | None = None, only: Sequence[str] = ()) -> None:
        self.files = files
        self.calls: list[str] = []
        self.arm(nth, fault, only)

    def arm(self, nth: int, fault: Fault | None, only: Sequence[str] = ()) -> None:
        self._left, self._fault, self._only = nth, fault, only

    @property
    def armed(self) -> bool:
        """Whether the fault is still to come."""
        return self._left > 0

    def perform(self, name: str, arguments: tuple) -> object:
        return getattr(self.files, name)(*arguments)

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            self.calls.append(name)
            if self._left and (not self._only or name in self._only):
                self._left -= 1
                if not self._left and self._fault is not None:
                    return self._fault(self, name, arguments)
            return self.perform(name, arguments)

        call.__name__ = name
        return call


def error(number: int) -> Fault:
    """The call fails with an errno; a failed fdatasync takes the unsynced pages with it."""

    def fault(disk: FailingFiles, name: str, arguments: tuple) -> object:
        if name == "fdatasync":
            disk.files.lose_unsynced(arguments[0])
        raise OSError(number, os.strerror(number))

    return fault


def interrupted(disk: FailingFiles, name: str, arguments: tuple) -> object:
    """A signal came first (EINTR)."""
    raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))


def short(disk: FailingFiles, name: str, arguments: tuple) -> object:
    """A write takes a third of its bytes."""
    if name != "pwrite":
        return disk.perform(name, arguments)
    handle, buffers, offset = arguments
    data = b"".join(buffers)
    return disk.perform(name, (handle, (data[: max(1, len(data) // 3)],), offset))


def slow(disk: FailingFiles, name: str, arguments: tuple) -> object:
    """The disk takes its time."""
    time.sleep(0.02)
    return disk.perform(name, arguments)


def power_cut(disk: FailingFiles, name: str, arguments: tuple) -> object:
    """The machine goes off before the call."""
    raise PowerCut


def power_cut_after(disk: FailingFiles, name: str, arguments: tuple) -> object:
    """The machine goes off right after the call, of which the program never hears."""
    disk.perform(name, arguments)
    raise PowerCut


class Muted:
    """Files some of whose operations do nothing: what is left of a journal without them."""

    def __init__(self, files: object, *operations: str) -> None:
        self._files = files
        self._operations = operations

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name in self._operations:
            return lambda *arguments: None
        return getattr(self._files, name)

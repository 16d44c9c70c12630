"""The folder that everything durable is under: one process at a time, and only where writing works."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from pathlib import Path

from domain.errors import DataFolderLocked, DataFolderUnusable

_PROBE = b"written to see whether this folder can be written\n"


class DataFolder:
    """Holds a lock on ``<folder>/lock`` while open; the kernel drops it with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self._mark = path / "running"  # there from the beginning of a run to its end

    async def open(self) -> None:
        """Make the folder where it is missing, and take it. Raises DataFolderUnusable, DataFolderLocked."""
        if self._lock is None:
            self._lock = await asyncio.to_thread(self._take)

    async def close(self) -> None:
        """Leave the folder to others."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def begin(self) -> bool:
        """A run begins; whether the one before never came to ``end``: it was killed, or the power went.

        Raises DataFolderUnusable.
        """
        return await asyncio.to_thread(self._begin)

    async def end(self) -> None:
        """The run ends as it should."""
        await asyncio.to_thread(self._end)

    def _begin(self) -> bool:
        if self._mark.exists():
            return True
        try:
            with self._mark.open("wb") as mark:
                os.fsync(mark.fileno())
            self._sync()
        except OSError as error:
            raise self._unusable(error) from error
        return False

    def _end(self) -> None:
        with contextlib.suppress(OSError):  # the next start will believe that this run was killed: no harm
            self._mark.unlink(missing_ok=True)
            self._sync()

    def _sync(self) -> None:
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _take(self) -> int:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileExistsError as error:
            raise DataFolderUnusable(f"{self.path} is a file, not a folder.") from error
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._hold(lock)
            self._probe()
        except BaseException:
            os.close(lock)
            raise
        return lock

    def _hold(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise DataFolderLocked(f"{self.path} is served by another process ({holder}).") from error

    def _probe(self) -> None:
        """Write for real: the superuser passes every permission check and still meets a read-only disk."""
        probe = self.path / "probe"
        try:
            with (self.path / "lock").open("wb") as lock:
                lock.write(b"%d\n" % os.getpid())
            with probe.open("wb") as file:
                file.write(_PROBE)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)

    def _unusable(self, error: OSError) -> DataFolderUnusable:
        return DataFolderUnusable(f"{self.path} cannot be written: {error.strerror or error}.")

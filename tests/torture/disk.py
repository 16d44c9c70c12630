"""A small file system in memory, to be filled, or made read-only; only root can mount one."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.torture.trial import NotHere

_PIECE = bytes(256 * 1024)


class SmallDisk:
    """Mounted on a folder of its own. Raises NotHere on entering where this machine does not allow it."""

    def __init__(self, folder: Path, size: int) -> None:
        """``size``: bytes."""
        self.folder = folder
        self._size = size

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        told = _run("mount", "-t", "tmpfs", "-o", f"size={self._size},mode=755", "torture", str(self.folder))
        if told.returncode != 0:
            raise NotHere(f"no file system can be mounted here: {told.stderr.strip() or 'mount failed'}")
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.folder))

    @contextmanager
    def filled(self) -> Iterator[None]:
        """No room is left, until this ends."""
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                for piece in (_PIECE, _PIECE[:4096], b"\0"):  # down to the last page
                    with suppress(OSError):
                        while True:
                            file.write(piece)
            yield
        finally:
            ballast.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing can be written, until this ends; nobody may have a file open for writing. Raises OSError."""
        self._remount("ro")
        try:
            yield
        finally:
            self._remount("rw")

    def _remount(self, how: str) -> None:
        told = _run("mount", "-o", f"remount,{how}", str(self.folder))
        if told.returncode != 0:
            raise OSError(errno.EBUSY, f"{os.strerror(errno.EBUSY)}: {told.stderr.strip()}", str(self.folder))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NotHere(f"{command[0]} is not installed") from error

"""A tree of object files below one descriptor: every path is opened step by step from there, and no link is followed.

``ab/abcd`` holds the object ``abcd``: folders by the first two characters, which keeps them small and the
names in order. ``tmp`` holds what is being written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from domain.errors import BackendError, BackendExhausted, BackendUnavailable, ObjectExists, ObjectNotFound
from domain.model.objects import StoredObject

TEMPORARY = "tmp"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # not to wait for a pipe that somebody put there
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_NO_FSYNC = (errno.EINVAL, errno.EOPNOTSUPP)


class ObjectFolder:
    """The files of a store; every method blocks, and raises OSError unless it says otherwise."""

    def __init__(self, path: Path) -> None:
        """Make the folder durable where it is missing, and forget what a former run left half-written."""
        self.path = path
        for missing in reversed([path, *path.parents]):
            if not missing.exists():
                missing.mkdir(mode=0o700)
                _sync_folder_at(missing.parent)
        self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._made: set[str] = set()  # folders that this process knows to be durable
        try:
            self._make(TEMPORARY)
            with self._opened(TEMPORARY) as folder:
                for name in _names(folder):
                    os.unlink(name, dir_fd=folder)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._root)

    def create(self, temporary: str) -> int:
        """A new file to write to."""
        with self._opened(TEMPORARY) as folder:
            return os.open(temporary, _CREATE, 0o600, dir_fd=folder)

    def publish(self, temporary: str, name: str) -> None:
        """Give a synced file its name, durably; of many who try, one succeeds. Raises ObjectExists."""
        place = _place(name)
        self._make(place)
        with self._opened(TEMPORARY) as here, self._opened(place) as there:
            try:
                os.link(temporary, name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
            except FileExistsError:
                raise ObjectExists(f"There is an object {name} already.") from None
            try:
                _sync(there)
            except OSError:
                os.unlink(name, dir_fd=there)
                raise

    def discard(self, temporary: str) -> None:
        """Remove a file that was written to; its published name stays."""
        with contextlib.suppress(OSError), self._opened(TEMPORARY) as folder:
            os.unlink(temporary, dir_fd=folder)

    def open(self, name: str) -> int:
        """A descriptor to read from. Raises ObjectNotFound."""
        try:
            with self._opened(_place(name)) as folder:
                handle = os.open(name, _READ, dir_fd=folder)
        except FileNotFoundError:
            self._check_root()
            raise ObjectNotFound(f"There is no object {name}.") from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, f"{_place(name)}/{name} is not a file")
        return handle

    def stat(self, name: str) -> StoredObject:
        """What is known of an object. Raises ObjectNotFound."""
        handle = self.open(name)
        try:
            return _described(name, os.fstat(handle))
        finally:
            os.close(handle)

    def delete(self, name: str) -> None:
        """Remove an object, durably; an absent one is not an error."""
        try:
            with self._opened(_place(name)) as folder:
                os.unlink(name, dir_fd=folder)
                _sync(folder)
        except FileNotFoundError:
            self._check_root()

    def places(self, prefix: str) -> list[str]:
        """The folders, in order, where objects of a prefix may be."""
        self._check_root()
        with self._opened(".") as root:
            return sorted(name for name in _names(root) if len(name) == 2 and name.startswith(prefix[:2]))

    def within(self, place: str, prefix: str) -> list[StoredObject]:
        """The objects of one folder, in order."""
        with self._opened(place) as folder:
            names = sorted(name for name in _names(folder) if name.startswith(prefix))
            return [found for name in names if (found := _stat_at(folder, name))]

    def _check_root(self) -> None:
        """Whether the folder itself is gone, which would look like an absent object. Raises OSError."""
        if os.fstat(self._root).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "the folder was removed")

    def _make(self, place: str) -> None:
        if place not in self._made:
            with contextlib.suppress(FileExistsError):
                os.mkdir(place, 0o700, dir_fd=self._root)
            _sync(self._root)
            self._made.add(place)

    @contextlib.contextmanager
    def _opened(self, place: str) -> Iterator[int]:
        folder = os.open(place, _FOLDER, dir_fd=self._root)
        try:
            yield folder
        finally:
            os.close(folder)


def sync_file(handle: int) -> None:
    """Make a file durable."""
    os.fsync(handle)


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """What the disk says, in the words of the port."""
    try:
        yield
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> BackendError:
    reason = f"{path}: {error.strerror or error}."
    if error.errno in _FULL:
        return BackendExhausted(f"The disk of the object store takes no more: {reason}", retry_after=5.0)
    return BackendUnavailable(f"The object store cannot be used: {reason}", retry_after=5.0)


def _names(folder: int) -> list[str]:
    """By descriptor, which a path is not; one of its own, since who shares one shares the place in it."""
    return os.listdir(folder)


def _place(name: str) -> str:
    return name[:2]


def _stat_at(folder: int, name: str) -> StoredObject | None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:  # deleted meanwhile
        return None
    return _described(name, found) if stat.S_ISREG(found.st_mode) else None


def _described(name: str, found: os.stat_result) -> StoredObject:
    return StoredObject(name=name, size=found.st_size, stored_at=datetime.fromtimestamp(found.st_mtime, UTC))


def _sync(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_FSYNC:  # a file system that knows no such thing needs none
            raise


def _sync_folder_at(path: Path) -> None:
    handle = os.open(path, _FOLDER & ~os.O_NOFOLLOW)
    try:
        _sync(handle)
    finally:
        os.close(handle)

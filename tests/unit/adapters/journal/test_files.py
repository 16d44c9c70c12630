from __future__ import annotations

import errno
from pathlib import Path

import pytest

from adapters.journal.files import Uninterrupted, establish, write_all
from adapters.journal.real_files import MAX_BUFFERS, RealFiles
from tests.unit.adapters.journal.disks import FailingFiles, Muted, WriteBackDisk, interrupted, short


def test_a_short_write_is_continued_until_every_byte_is_written() -> None:
    disk = WriteBackDisk()
    failing = FailingFiles(disk, 1, short, ["pwrite"])
    handle = failing.create(Path("/file"))
    assert write_all(failing, handle, [b"abc", b"", b"defgh"], 2) == 10
    assert disk.content(Path("/file")) == b"\0\0abcdefgh"
    assert failing.calls.count("pwrite") == 2


def test_a_disk_that_takes_nothing_is_an_error_and_no_endless_loop() -> None:
    class Stuck(WriteBackDisk):
        def pwrite(self, *_: object) -> int:
            return 0

    disk = Stuck()
    with pytest.raises(OSError, match="takes no bytes"):
        write_all(disk, disk.create(Path("/file")), [b"a"], 0)


def test_an_interrupted_call_is_repeated() -> None:
    failing = FailingFiles(WriteBackDisk(), 1, interrupted)
    files = Uninterrupted(failing)
    handle = files.create(Path("/file"))
    failing.arm(1, interrupted)
    files.fdatasync(handle)
    assert failing.calls == ["create", "create", "fdatasync", "fdatasync"]


def test_establishing_a_folder_syncs_every_ancestor() -> None:
    files = FailingFiles(WriteBackDisk())
    establish(files, Path("/srv/data/journal/tasks"))
    assert files.calls == ["make_directory"] + ["fsync_directory"] * 5


def test_an_ancestor_that_may_not_be_read_was_there_before() -> None:
    class Private(WriteBackDisk):
        def fsync_directory(self, path: Path) -> None:
            if path == Path("/srv"):
                raise PermissionError(errno.EACCES, "Permission denied")
            super().fsync_directory(path)

    establish(Private(), Path("/srv/data"))
    with pytest.raises(PermissionError):
        establish(Private(), Path("/srv"))


def test_real_files_keep_what_is_written(tmp_path: Path) -> None:
    files = RealFiles()
    folder = tmp_path / "a" / "b"
    establish(files, folder)
    handle = files.create(folder / "file")
    files.preallocate(handle, 5000)
    write_all(files, handle, [b"abc", memoryview(b"def")], 4000)
    files.fdatasync(handle)
    files.fsync_directory(folder)
    assert files.size(handle) == 5000
    assert files.pread(handle, 2000, 3998) == b"\0\0abcdef".ljust(1002, b"\0")
    files.truncate(handle, 4003)
    files.close(handle)
    handle = files.open(folder / "file")
    assert files.pread(handle, 100, 4000) == b"abc"
    files.close(handle)
    assert list(files.list_directory(folder)) == ["file"]
    files.close(files.create(folder / "file"))
    assert (folder / "file").stat().st_size == 0
    files.unlink(folder / "file")
    assert list(files.list_directory(folder)) == []
    with pytest.raises(FileNotFoundError):
        files.open(folder / "file")


def test_a_group_of_more_buffers_than_one_call_takes_is_written_whole(tmp_path: Path) -> None:
    files = RealFiles()
    handle = files.create(tmp_path / "file")
    buffers = [b"%05d" % number for number in range(2 * MAX_BUFFERS + 7)]
    write_all(files, handle, buffers, 0)
    files.close(handle)
    assert (tmp_path / "file").read_bytes() == b"".join(buffers)


def test_preallocating_where_it_is_not_offered_sets_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    files = RealFiles()
    handle = files.create(tmp_path / "file")
    files.preallocate(handle, 5000)
    assert files.size(handle) == 5000
    files.close(handle)


def test_muted_files_do_all_but_what_is_muted() -> None:
    disk = WriteBackDisk()
    muted = Muted(disk, "unlink")
    muted.close(muted.create(Path("/file")))
    muted.unlink(Path("/file"))
    assert disk.list_directory(Path("/")) == ["file"]

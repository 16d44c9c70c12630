"""The write-back disk forgets what it should, and nothing else."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random

import pytest

from tests.unit.adapters.journal.disks import FailingFiles, WriteBackDisk, error

FOLDER = Path("/srv/data")
FILE = FOLDER / "file"


@pytest.fixture
def disk() -> WriteBackDisk:
    disk = WriteBackDisk()
    disk.make_directory(FOLDER)
    for folder in (FOLDER, *FOLDER.parents):
        disk.fsync_directory(folder)
    return disk


def boots(disk: WriteBackDisk) -> list[WriteBackDisk]:
    return [disk.after_power_cut(Random(seed)) for seed in range(60)]


def content(disk: WriteBackDisk, path: Path = FILE) -> bytes | None:
    if path.name not in disk.list_directory(path.parent):
        return None
    handle = disk.open(path)
    return disk.pread(handle, disk.size(handle), 0)


def test_a_synced_file_in_a_synced_directory_survives(disk: WriteBackDisk) -> None:
    handle = disk.create(FILE)
    disk.pwrite(handle, [b"a" * 700], 0)
    disk.fdatasync(handle)
    disk.fsync_directory(FOLDER)
    assert {content(boot) for boot in boots(disk)} == {b"a" * 700}


def test_syncing_a_file_does_not_keep_its_name(disk: WriteBackDisk) -> None:
    handle = disk.create(FILE)
    disk.pwrite(handle, [b"a"], 0)
    disk.fdatasync(handle)
    assert {content(boot) for boot in boots(disk)} == {None, b"a"}


def test_syncing_a_directory_does_not_keep_what_is_in_its_files(disk: WriteBackDisk) -> None:
    handle = disk.create(FILE)
    disk.fsync_directory(FOLDER)
    disk.pwrite(handle, [b"a" * 512], 0)
    assert {content(boot) for boot in boots(disk)} == {b"", b"a" * 512, bytes(512)}


def test_syncing_a_directory_does_not_keep_its_own_name() -> None:
    disk = WriteBackDisk()
    disk.make_directory(FOLDER)
    disk.fsync_directory(FOLDER)
    survivors = [boot for boot in boots(disk) if "srv" in boot.list_directory(Path("/"))]
    assert 0 < len(survivors) < 60


def test_unsynced_sectors_survive_each_for_itself(disk: WriteBackDisk) -> None:
    handle = disk.create(FILE)
    disk.preallocate(handle, 1536)
    disk.fdatasync(handle)
    disk.fsync_directory(FOLDER)
    disk.pwrite(handle, [b"a" * 1536], 0)
    seen = {tuple(boot[start] for start in (0, 512, 1024)) for boot in map(content, boots(disk)) if boot}
    assert {(0, 0, 0), (97, 97, 97), (0, 97, 0), (97, 0, 97)} <= seen


def test_an_unlinked_file_may_come_back_until_the_directory_is_synced(disk: WriteBackDisk) -> None:
    disk.replace(FILE, b"old")
    disk.unlink(FILE)
    assert {content(boot) for boot in boots(disk)} == {None, b"old"}
    disk.fsync_directory(FOLDER)
    assert {content(boot) for boot in boots(disk)} == {None}


def test_a_cut_may_be_undone_until_the_file_is_synced(disk: WriteBackDisk) -> None:
    disk.replace(FILE, b"a" * 1024)
    handle = disk.open(FILE)
    disk.truncate(handle, 512)
    assert {len(content(boot) or b"") for boot in boots(disk)} == {512, 1024}
    disk.fdatasync(handle)
    assert {content(boot) for boot in boots(disk)} == {b"a" * 512}


def test_a_failed_sync_drops_the_pages_and_the_next_one_succeeds(disk: WriteBackDisk) -> None:
    disk.replace(FILE, b"old")
    failing = FailingFiles(disk, 1, error(errno.EIO), ["fdatasync"])
    handle = disk.open(FILE)
    disk.pwrite(handle, [b"new"], 0)
    with pytest.raises(OSError, match="Input/output"):
        failing.fdatasync(handle)
    failing.fdatasync(handle)
    assert content(disk) == b"new"
    assert {content(boot) for boot in boots(disk)} == {b"old"}


def test_a_full_disk_takes_what_fits_and_then_nothing(disk: WriteBackDisk) -> None:
    handle = disk.create(FILE)
    disk.room = 3
    assert disk.pwrite(handle, [b"ab", b"cd"], 0) == 3
    with pytest.raises(OSError, match="No space"):
        disk.pwrite(handle, [b"d"], 3)
    with pytest.raises(OSError, match="No space"):
        disk.preallocate(handle, 10)
    assert content(disk) == b"abc"

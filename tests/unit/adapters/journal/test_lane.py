from __future__ import annotations

import errno
from pathlib import Path

import pytest

from domain.errors import DataFolderUnusable, JournalFailed, JournalFull, PayloadTooLarge
from domain.model.frames import FrameHeaders
from tests.unit.adapters.journal.disks import FailingFiles, WriteBackDisk, error
from tests.unit.adapters.journal.logs import FOLDER, SMALL, Log, draft, segments

FIRST, SECOND, THIRD = (FOLDER / f"{number:020d}.segment" for number in (1, 2, 3))


@pytest.fixture
def disk() -> WriteBackDisk:
    return WriteBackDisk()


def test_a_group_comes_back_after_a_restart(disk: WriteBackDisk) -> None:
    assert Log(disk).append(draft(1, count=3), draft(2), draft(3, count=2)) == [(1, 3), (4, 4), (5, 6)]
    log = Log(disk)
    assert log.head == 6
    assert log.drafts() == [draft(1, count=3), draft(2), draft(3, count=2)]


def test_starting_writes_no_segment_until_something_is_appended(disk: WriteBackDisk) -> None:
    Log(disk).stop()
    assert disk.list_directory(FOLDER) == ["primary.mark"]


def test_a_group_that_does_not_fit_begins_a_new_segment(disk: WriteBackDisk) -> None:
    log = Log(disk)
    for number in range(4):
        log.append(draft(number, size=1800), draft(number + 100, size=100))
    assert segments(disk) == [1, 2, 3, 4]
    assert len(log.drafts()) == 8
    assert Log(disk).drafts() == log.drafts()


def test_each_start_goes_on_in_a_segment_of_its_own(disk: WriteBackDisk) -> None:
    for number in range(3):
        log = Log(disk)
        log.append(draft(number))
        log.stop()
    assert segments(disk) == [1, 2, 3]
    assert Log(disk).drafts() == [draft(0), draft(1), draft(2)]


def test_a_clean_stop_gives_the_reserved_space_back(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1))
    assert len(disk.content(FIRST)) == SMALL
    log.stop()
    assert len(disk.content(FIRST)) < 1000
    assert disk.open_handles == 0


def test_a_frame_that_no_segment_holds_is_refused_and_one_that_just_fits_is_not(disk: WriteBackDisk) -> None:
    log = Log(disk)
    room = log.lane.capacity - log.lane.prepare(draft(1, size=0)).size
    log.append(draft(1, size=room))
    with pytest.raises(PayloadTooLarge):
        log.lane.prepare(draft(2, size=room + 1))
    log.append(draft(3))
    assert log.drafts() == [draft(1, size=room), draft(3)]


def test_segments_that_every_reader_passed_are_freed(disk: WriteBackDisk) -> None:
    log = Log(disk, readers=("primary", "search"))
    for number in range(1, 7):
        log.append(draft(number, size=1500))
    assert segments(disk) == [1, 2, 3]
    log.lane.commit("primary", 6)
    assert segments(disk) == [1, 2, 3]
    log.lane.commit("search", 3)
    assert segments(disk) == [2, 3]
    log.lane.commit("search", 6)
    assert segments(disk) == [3]
    assert log.append(draft(7)) == [(7, 7)]


def test_a_watermark_beyond_the_log_stops_at_its_end(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1))
    log.lane.commit("primary", 1000)
    assert log.lane.depth("primary").committed == 1


def test_a_reader_that_is_no_longer_declared_holds_nothing_back(disk: WriteBackDisk) -> None:
    log = Log(disk, readers=("primary", "search"))
    for number in range(1, 7):
        log.append(draft(number, size=1500))
    log.lane.commit("primary", 6)
    log = Log(disk)
    assert segments(disk) == [3]
    assert "search.mark" not in disk.list_directory(FOLDER)


def test_a_new_reader_begins_at_the_first_segment_that_is_there(disk: WriteBackDisk) -> None:
    log = Log(disk)
    for number in range(1, 7):
        log.append(draft(number, size=1500))
    log.lane.commit("primary", 3)
    log = Log(disk, readers=("primary", "search"))
    depth = log.lane.depth("search")
    assert (depth.committed, depth.records) == (2, 4)
    assert not log.reports


def test_headers_of_a_newer_release_survive_in_the_log(disk: WriteBackDisk) -> None:
    given = draft(1, headers=FrameHeaders(unknown=((4711, b"tomorrow"),), principal="anna"))
    Log(disk).append(given)
    assert Log(disk).drafts() == [given]


def test_a_full_disk_refuses_the_group_whole_and_space_makes_it_go_on(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1))
    for room in (0, 1, 47, 48, 200, 700):
        disk.room = room
        with pytest.raises(JournalFull):
            log.append(draft(2, size=200), draft(3, size=700))
        assert Log(disk).drafts() == [draft(1)], room
    disk.room = None
    assert log.append(draft(4)) == [(2, 2)]
    assert log.drafts() == [draft(1), draft(4)]
    assert Log(disk).drafts() == [draft(1), draft(4)]


def test_a_full_disk_does_not_keep_a_lane_from_starting_and_draining(disk: WriteBackDisk) -> None:
    log = Log(disk)
    for number in range(1, 7):
        log.append(draft(number, size=1500))
    disk.room = 0
    log = Log(disk)
    assert len(log.drafts()) == 6
    with pytest.raises(JournalFull):
        log.append(draft(7))
    disk.room = 24  # a watermark is written over space it already has
    log.lane.commit("primary", 5)
    assert segments(disk) == [3]
    disk.room = None
    assert log.append(draft(7)) == [(7, 7)]


@pytest.mark.parametrize("operation", ["pwrite", "fdatasync", "fsync_directory", "preallocate", "create"])
def test_a_disk_that_fails_while_writing_is_never_written_again(disk: WriteBackDisk, operation: str) -> None:
    files = FailingFiles(disk)
    log = Log(files)
    files.arm(1, error(errno.EIO), [operation])
    with pytest.raises(JournalFailed):
        log.append(draft(1))
    calls = len(files.calls)
    with pytest.raises(JournalFailed):
        log.append(draft(2))
    with pytest.raises(JournalFailed):
        log.lane.commit("primary", 1)
    log.lane.close_writer()
    assert set(files.calls[calls:]) <= {"close"}


def test_a_watermark_that_cannot_be_synced_stops_the_log(disk: WriteBackDisk) -> None:
    files = FailingFiles(disk)
    log = Log(files)
    log.append(draft(1), draft(2))
    files.arm(1, error(errno.EIO), ["fdatasync"])
    with pytest.raises(JournalFailed):
        log.lane.commit("primary", 1)
    with pytest.raises(JournalFailed):
        log.append(draft(3))
    with pytest.raises(JournalFailed):
        log.lane.commit("primary", 2)
    assert log.lane.failure is not None


def test_a_full_disk_under_a_watermark_moves_nothing_and_breaks_nothing(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1), draft(2))
    disk.room = 0
    with pytest.raises(JournalFull):
        log.lane.commit("primary", 1)
    assert log.lane.depth("primary").committed == 0
    disk.room = None
    log.lane.commit("primary", 2)
    assert log.lane.depth("primary").committed == 2


def test_memory_and_descriptors_do_not_grow_with_the_backlog(disk: WriteBackDisk) -> None:
    log = Log(disk)
    for number in range(60):
        log.append(draft(number, size=1500))
    assert len(segments(disk)) == 30
    log = Log(disk)
    assert len(log.drafts()) == 60
    indexed = [segment for segment in log.lane._shelf._segments if segment.index is not None]
    assert len(indexed) <= 5
    assert disk.open_handles < 20


def test_a_folder_that_is_a_file_cannot_be_used(tmp_path: Path) -> None:
    from adapters.journal.real_files import RealFiles

    (tmp_path / "tasks").write_text("")
    with pytest.raises(DataFolderUnusable, match="cannot be used"):
        Log(RealFiles(), folder=tmp_path / "tasks")

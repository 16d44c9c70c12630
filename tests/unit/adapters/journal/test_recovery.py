"""Torn tails, damage, and everything else that a start may find."""

from __future__ import annotations

import errno
from random import Random

import pytest

from adapters.journal.format import SEGMENT_HEADER_BYTES
from adapters.journal.scan import PAYLOAD_DAMAGED
from domain.errors import StartFailure
from tests.unit.adapters.journal.disks import FailingFiles, PowerCut, WriteBackDisk, error, power_cut
from tests.unit.adapters.journal.logs import FOLDER, SMALL, Log, draft, segments

FIRST, SECOND, THIRD = (FOLDER / f"{number:020d}.segment" for number in (1, 2, 3))


@pytest.fixture
def disk() -> WriteBackDisk:
    return WriteBackDisk()


def torn(disk: WriteBackDisk, kept: str) -> WriteBackDisk:
    """A disk on which a group of three was being written: 1 says that a frame reached it whole."""
    files = FailingFiles(disk)
    log = Log(files)
    log.append(draft(1))
    start = 512 + log.lane.prepare(draft(1)).size
    files.arm(1, power_cut, ["fdatasync"])
    with pytest.raises(PowerCut):
        log.append(draft(2), draft(3), draft(4))
    size = log.lane.prepare(draft(2)).size
    content = disk.content(FIRST)
    for place, whole in enumerate(kept):
        if whole == "0":
            content[start + place * size : start + (place + 1) * size] = bytes(size)
    return disk


def test_a_torn_group_is_cut_at_its_first_hole_and_is_no_alarm(disk: WriteBackDisk) -> None:
    log = Log(torn(disk, "101"))
    assert log.drafts() == [draft(1), draft(2)]
    assert (len(log.cuts), log.quarantined) == (1, [])
    assert log.head == 2  # the numbers of what went with the tail were told to nobody, or are lost
    assert log.append(draft(5)) == [(3, 3)]
    again = Log(disk)
    assert again.drafts() == [draft(1), draft(2), draft(5)]
    assert not again.reports


def test_a_group_that_was_never_answered_survives_whole_or_not_at_all(disk: WriteBackDisk) -> None:
    assert Log(torn(disk, "111")).drafts() == [draft(1), draft(2), draft(3), draft(4)]


def test_what_a_start_has_seen_no_later_power_cut_takes_away(disk: WriteBackDisk) -> None:
    files = FailingFiles(disk)
    log = Log(files)
    files.arm(2, power_cut, ["fdatasync"])  # the first is the new segment's
    with pytest.raises(PowerCut):
        log.append(draft(1))
    seen = Log(disk).drafts()
    assert seen == [draft(1)]
    for seed in range(20):
        assert Log(disk.after_power_cut(Random(seed))).drafts() == seen


def test_a_hole_before_the_last_group_is_damage_and_its_neighbours_are_served(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1))
    log.append(draft(2), draft(3))
    log.append(draft(4))
    size = log.lane.prepare(draft(1)).size
    disk.content(FIRST)[512 + size + 20] ^= 1
    log = Log(disk)
    assert log.drafts() == [draft(1), draft(3), draft(4)]
    (report,) = log.quarantined
    assert (report.segment, report.offset, report.size) == (FIRST.name, 512 + size, size)
    copy = disk.content(FOLDER / "quarantine" / f"{FIRST.name}-{512 + size}")
    assert copy == disk.content(FIRST)[512 + size : 512 + 2 * size]
    assert log.cuts == []


def test_damage_in_the_last_group_is_told_from_a_torn_write_after_a_clean_stop(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1), draft(2), draft(3))
    size = log.lane.prepare(draft(1)).size
    log.stop()
    disk.content(FIRST)[512 + 20] ^= 1
    disk.content(FIRST)[512 + 2 * size + 60] ^= 1
    log = Log(disk)
    assert log.drafts() == [draft(2)]
    assert len(log.quarantined) == 2
    assert log.append(draft(4)) == [(4, 4)]


def test_a_payload_that_rots_while_the_service_runs_is_set_aside_once(disk: WriteBackDisk) -> None:
    log = Log(disk)
    for number in range(1, 4):
        log.append(draft(number))
    disk.content(FIRST)[512 + log.lane.prepare(draft(1)).size + 100] ^= 1
    assert log.drafts() == [draft(1), draft(3)]
    assert log.drafts() == [draft(1), draft(3)]
    assert [report.reason for report in log.quarantined] == [PAYLOAD_DAMAGED]
    assert log.lane.depth("primary").quarantined == 1


def test_damage_right_behind_a_watermark_holds_up_nothing(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1))
    log.append(draft(2, count=5))
    disk.content(FIRST)[512 + log.lane.prepare(draft(1)).size + 100] ^= 1
    log.lane.commit("primary", 1)
    assert log.drafts(after=1) == []
    depth = log.lane.depth("primary")
    assert (depth.head, depth.records, depth.payload_bytes, depth.oldest_accepted_at) == (6, 0, 0, None)
    assert log.append(draft(3)) == [(7, 7)]
    depth = log.lane.depth("primary")
    assert (depth.committed, depth.records) == (1, 6)  # the gap counts until the reader has said so and gone on
    log.lane.commit("primary", 7)
    assert log.lane.depth("primary").records == 0


def test_damage_that_cannot_be_copied_is_reported_and_passed_all_the_same(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1))
    log.append(draft(2))
    disk.content(FIRST)[512 + 100] ^= 1
    disk.room = 0
    assert log.drafts() == [draft(2)]
    assert "not copied: No space left" in log.quarantined[0].reason


def test_a_place_that_the_disk_cannot_read_is_damage_and_cuts_nothing(disk: WriteBackDisk) -> None:
    class BadSector(WriteBackDisk):
        def pread(self, handle: int, size: int, offset: int) -> bytes:
            if offset <= 5000 < offset + size:
                raise OSError(errno.EIO, "Input/output error")
            return super().pread(handle, size, offset)

    log = Log(disk, segment_bytes=32_768)
    for number in range(8):
        log.append(draft(number, size=2000))
    bad = BadSector(disk.after_power_cut(Random(1))._root)
    log = Log(bad, segment_bytes=32_768)
    assert len(log.quarantined) > 0
    assert log.cuts == []
    assert log.drafts()[-3:] == [draft(5, size=2000), draft(6, size=2000), draft(7, size=2000)]
    assert len(bad.content(FIRST)) == 32_768


def test_a_read_that_fails_once_loses_nothing(disk: WriteBackDisk) -> None:
    log = Log(disk)
    for number in range(8):
        log.append(draft(number, size=1000))
    for call in range(1, 20):
        files = FailingFiles(disk, call, error(errno.EIO), ["pread"])
        again = Log(files)
        assert again.drafts() == [draft(number, size=1000) for number in range(8)]
        assert not again.reports


def test_a_damaged_segment_header_is_reported_and_its_frames_are_served(disk: WriteBackDisk) -> None:
    log = Log(disk)
    for number in range(1, 7):
        log.append(draft(number, size=1500))
    before = log.lane.depth("primary")
    for path in (FIRST, SECOND, THIRD):
        disk.content(path)[30] ^= 1
    log = Log(disk)
    assert log.drafts() == [draft(number, size=1500) for number in range(1, 7)]
    assert len(log.quarantined) == 3
    assert log.lane.depth("primary").payload_bytes == before.payload_bytes
    assert log.append(draft(7)) == [(7, 7)]


def test_a_file_that_is_no_segment_is_set_aside_and_not_lost(disk: WriteBackDisk) -> None:
    Log(disk).append(draft(1))
    disk.replace(SECOND, b"garbage" * 200)
    log = Log(disk)
    assert log.drafts() == [draft(1)]
    assert len(log.quarantined) == 1
    assert disk.content(FOLDER / "quarantine" / f"{SECOND.name}-0") == b"garbage" * 200
    assert segments(disk) == [1]


def test_a_segment_of_another_lane_is_set_aside(disk: WriteBackDisk) -> None:
    Log(disk, folder=FOLDER.with_name("sessions")).append(draft(9))
    Log(disk).append(draft(1))
    disk.replace(SECOND, bytes(disk.content(FOLDER.with_name("sessions") / FIRST.name)))
    log = Log(disk)
    assert log.drafts() == [draft(1)]
    assert log.quarantined[0].reason == "a segment of sessions"


def test_a_creation_that_was_interrupted_is_removed_without_alarm(disk: WriteBackDisk) -> None:
    Log(disk).append(draft(1))
    disk.replace(SECOND, bytes(SMALL))
    disk.replace(THIRD, b"")
    log = Log(disk)
    assert (segments(disk), log.quarantined) == ([1], [])
    assert log.append(draft(2)) == [(2, 2)]
    assert not Log(disk).reports


def test_a_newer_format_refuses_to_start_and_touches_nothing(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1))
    header = log.lane._codec.decode_segment(bytes(disk.content(FIRST)[:SEGMENT_HEADER_BYTES]))
    assert header is not None
    newer = type(header)(
        **{name: getattr(header, name) for name in header.__struct_fields__ if name != "version"}, version=2
    )
    disk.content(FIRST)[:SEGMENT_HEADER_BYTES] = log.lane._codec.encode_segment(newer)
    before = bytes(disk.content(FIRST))
    with pytest.raises(StartFailure, match="format version 2"):
        Log(disk)
    assert disk.content(FIRST) == before


def test_an_undecodable_watermark_is_reported_and_replayed_from_the_first_segment(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1), draft(2))
    log.lane.commit("primary", 1)
    disk.content(FOLDER / "primary.mark")[4096 + 8] ^= 1
    log = Log(disk)
    assert log.lane.depth("primary").committed == 0
    assert log.drafts() == [draft(1), draft(2)]
    assert "watermark" in log.quarantined[0].reason


def test_sequences_go_on_behind_a_watermark_whose_log_is_gone(disk: WriteBackDisk) -> None:
    log = Log(disk)
    log.append(draft(1, count=50))
    log.lane.commit("primary", 50)
    disk.remove(FIRST)
    log = Log(disk)
    assert log.lane.depth("primary").records == 0
    assert log.append(draft(2)) == [(51, 51)]

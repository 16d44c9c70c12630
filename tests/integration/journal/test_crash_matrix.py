"""Cut, flip, remove, duplicate, reorder: whatever happened to the files, a lane opens, serves and says so."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from domain.model.frames import FrameDraft
from tests.unit.adapters.journal.disks import WriteBackDisk
from tests.unit.adapters.journal.logs import FOLDER, Log, draft, segments

MANY = [draft(number, size=40, count=1 + number % 3) for number in range(1, 7)]


def path(segment: int):
    return FOLDER / f"{segment:020d}.segment"


def written(drafts: list[FrameDraft] = MANY) -> tuple[bytes, list[int]]:
    """One segment with each draft in a group of its own, as a crash leaves it, and where its frames end."""
    disk = WriteBackDisk()
    log = Log(disk)
    ends, end = [], 512
    for each in drafts:
        log.append(each)
        end += log.lane.prepare(each).size
        ends.append(end)
    return bytes(disk.content(path(1))), ends


def booted(segments_: dict[int, bytes]) -> tuple[Log, WriteBackDisk]:
    disk = WriteBackDisk()
    disk.make_directory(FOLDER)
    for number, content in segments_.items():
        disk.replace(path(number), content)
    return Log(disk), disk


def goes_on(log: Log, disk: WriteBackDisk) -> None:
    """New frames are taken, and stand behind the old ones now and after a restart."""
    old = log.drafts()
    log.append(draft(900), draft(901))
    assert log.drafts() == [*old, draft(900), draft(901)]
    assert Log(disk).drafts() == [*old, draft(900), draft(901)]
    log.lane.commit("primary", log.frames()[-1].last)
    depth = log.lane.depth("primary")
    assert (depth.records, depth.payload_bytes) == (0, 0)


CUTS: dict[str, Callable[[bytes, int], bytes]] = {
    "zeros follow": lambda content, place: content[:place].ljust(len(content), b"\0"),
    "the file ends": lambda content, place: content[:place],
    "garbage follows": lambda content, place: content[:place] + bytes(reversed(content[:300])),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_the_last_segment_cut_at_any_byte_of_its_last_three_frames(cut: Callable[[bytes, int], bytes]) -> None:
    content, ends = written()
    for place in range(ends[-4], ends[-1] + 1):
        log, disk = booted({1: cut(content, place)})
        whole = [each for each, end in zip(MANY, ends, strict=True) if end <= place]
        assert log.drafts() == whole, place
        assert log.quarantined == []
        assert len(log.cuts) == any(cut(content, place)[ends[len(whole) - 1] :]), place
        if place % 7 == 0:
            goes_on(log, disk)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_any_byte_of_a_frame_flipped(flip: int) -> None:
    content, ends = written()
    for place in range(ends[2], ends[3]):
        damaged = bytearray(content)
        damaged[place] ^= flip
        log, disk = booted({1: bytes(damaged)})
        assert log.drafts() == MANY[:3] + MANY[4:], place
        (report,) = log.quarantined
        assert (report.lane, report.offset, report.size) == ("tasks", ends[2], ends[3] - ends[2])
        assert disk.content(FOLDER / "quarantine" / f"{path(1).name}-{ends[2]}") == damaged[ends[2] : ends[3]]
        if place % 11 == 0:
            goes_on(log, disk)


def test_any_byte_of_a_segment_header_flipped() -> None:
    content, _ = written()
    for place in range(512):
        damaged = bytearray(content)
        damaged[place] ^= 0x04
        log, disk = booted({1: bytes(damaged)})
        assert log.drafts() == MANY, place
        assert [(report.offset, report.size) for report in log.quarantined] == [(0, 512)], place
        if place % 37 == 0:
            goes_on(log, disk)


def test_any_byte_of_the_last_frame_flipped_is_a_torn_tail() -> None:
    content, ends = written()
    for place in range(ends[-2], ends[-1]):
        damaged = bytearray(content)
        damaged[place] ^= 0x20
        log, _ = booted({1: bytes(damaged)})
        assert log.drafts() == MANY[:-1], place
        assert [cut.offset for cut in log.cuts] == [ends[-2]]


FOUR = [draft(number, size=1500) for number in range(1, 9)]


def four_segments() -> dict[int, bytes]:
    """Two frames each."""
    disk = WriteBackDisk()
    log = Log(disk)
    for each in FOUR:
        log.append(each)
    assert segments(disk) == [1, 2, 3, 4]
    return {number: bytes(disk.content(path(number))) for number in (1, 2, 3, 4)}


@pytest.mark.parametrize("removed", [1, 2, 3, 4])
def test_a_removed_segment_costs_its_own_frames(removed: int) -> None:
    files = four_segments()
    del files[removed]
    log, disk = booted(files)
    assert log.drafts() == FOUR[: 2 * removed - 2] + FOUR[2 * removed :]
    assert len(log.quarantined) == (removed in (2, 3))  # a missing prefix is freed space, a missing end is no trace
    goes_on(log, disk)


def test_a_removed_first_segment_that_nobody_had_passed_is_reported() -> None:
    log, disk = booted(four_segments())
    log.lane.commit("primary", 1)
    disk.remove(path(1))
    log = Log(disk)
    assert log.drafts() == FOUR[2:]
    assert "records 2..2 are missing" in log.quarantined[0].reason
    assert log.lane.depth("primary").records == 7  # the missing one counts until the reader has gone on


@pytest.mark.parametrize("source", [1, 2, 3, 4])
@pytest.mark.parametrize("target", [5, 9])
def test_a_duplicated_segment_is_served_once_and_reported(source: int, target: int) -> None:
    files = four_segments()
    log, disk = booted(files | {target: files[source]})
    assert log.drafts() == FOUR
    assert [report.reason for report in log.quarantined] == [f"a second segment {source}"]
    assert disk.content(FOLDER / "quarantine" / f"{path(target).name}-0") == files[source]
    goes_on(log, disk)


@pytest.mark.parametrize("source", [1, 2, 3, 4])
@pytest.mark.parametrize("target", [1, 2, 3, 4])
def test_a_segment_overwritten_by_another_costs_what_was_overwritten(source: int, target: int) -> None:
    files = four_segments()
    log, disk = booted(files | {target: files[source]})
    assert log.drafts() == [each for place, each in enumerate(FOUR) if source == target or place // 2 != target - 1]
    assert (log.reports == []) == (source == target)
    goes_on(log, disk)


@pytest.mark.parametrize("order", list(permutations((1, 2, 3, 4))))
def test_segments_under_each_others_names_are_served_in_their_true_order(order: tuple[int, ...]) -> None:
    files = four_segments()
    log, disk = booted({name: files[content] for name, content in enumerate(order, 1)})
    assert log.drafts() == FOUR
    assert log.quarantined == []
    goes_on(log, disk)


def test_every_segment_renamed_beyond_the_end_is_served_and_never_overwritten() -> None:
    files = four_segments()
    log, disk = booted({number + 4: content for number, content in files.items()})
    assert log.drafts() == FOUR
    goes_on(log, disk)

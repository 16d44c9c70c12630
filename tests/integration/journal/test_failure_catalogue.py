"""How pending logs have failed in the field, and the test that keeps each failure out of this one.

``tests/torture/catalogue.py`` says where each was seen.
"""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from random import Random

import pytest

from adapters.journal.files import Uninterrupted
from adapters.journal.format import FORMAT_VERSION, Codec, SegmentHeader
from adapters.journal.watermark import Watermark
from adapters.journal.write_buffer import LocalJournal
from adapters.system.clock import SystemClock
from domain.errors import DataFolderUnusable, JournalFailed, PayloadTooLarge
from tests.unit.adapters.journal.disks import FailingFiles, PowerCut, WriteBackDisk, error, power_cut, power_cut_after
from tests.unit.adapters.journal.logs import FOLDER, Log, draft, segments

SEEDS = range(12)
CUTS = (power_cut, power_cut_after)


def path(segment: int) -> Path:
    return FOLDER / f"{segment:020d}.segment"


def contents(disk: WriteBackDisk, folder: Path = FOLDER) -> dict[str, bytes]:
    return {name: bytes(disk.content(folder / name)) for name in disk.list_directory(folder) if "." in name}


def boots(disk: WriteBackDisk) -> list[WriteBackDisk]:
    return [disk.after_power_cut(Random(seed)) for seed in SEEDS]


def test_f01_what_was_answered_survives_whatever_was_not_synced() -> None:
    disk = WriteBackDisk()
    log = Log(disk)
    sent = []
    for number in range(0, 24, 2):
        sent += [draft(number, size=600), draft(number + 1, size=90)]
        log.append(*sent[-2:])
        assert all(Log(boot).drafts() == sent for boot in boots(disk))


def test_f02_the_very_first_answer_survives_with_all_its_folders() -> None:
    disk = WriteBackDisk()
    Log(disk).append(draft(1))
    for boot in boots(disk):
        assert Log(boot).drafts() == [draft(1)]
        assert "primary.mark" in boot.list_directory(FOLDER)


def test_f02_folders_that_a_killed_process_made_are_made_durable_by_the_next() -> None:
    disk = WriteBackDisk()
    disk.make_directory(FOLDER)  # and the process was killed before it synced anything
    Log(disk).append(draft(1))
    assert all(Log(boot).drafts() == [draft(1)] for boot in boots(disk))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("call", range(1, 9))
def test_f03_a_power_cut_anywhere_in_a_roll_leaves_a_log_that_goes_on(call: int, cut: object) -> None:
    for seed in SEEDS:
        files = FailingFiles(WriteBackDisk())
        log = Log(files)
        log.append(draft(1, size=3000))
        files.arm(call, cut)
        cut_short = False
        try:
            log.append(draft(2, size=3000))  # needs a new segment
        except PowerCut:
            cut_short = True
        log = Log(files.files.after_power_cut(Random(seed)))
        found = log.drafts()
        assert found[0] == draft(1, size=3000)
        assert found[1:] == [draft(2, size=3000)] or (cut_short and found[1:] == [])
        log.append(draft(3))
        assert log.drafts() == [*found, draft(3)]
        assert log.quarantined == []


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("call", range(1, 9))
def test_f04_a_power_cut_anywhere_in_a_commit_leaves_everything_that_waits(call: int, cut: object) -> None:
    drafts = [draft(number, size=1500) for number in range(1, 9)]
    for seed in SEEDS:
        files = FailingFiles(WriteBackDisk())
        log = Log(files)
        for each in drafts:
            log.append(each)
        files.arm(call, cut)
        through = [0, 5]
        try:
            log.lane.commit("primary", 5)
            through = [5]
        except PowerCut:
            pass
        log = Log(files.files.after_power_cut(Random(seed)))
        depth = log.lane.depth("primary")
        assert depth.committed in through
        assert log.drafts(depth.committed) == drafts[depth.committed :]
        log.lane.commit("primary", 8)
        assert log.lane.depth("primary").records == 0
        assert log.quarantined == []


def test_f05_depth_is_what_the_files_say_after_any_crash() -> None:
    random = Random(5)
    disk = WriteBackDisk()
    number = 0
    for _ in range(120):
        files = FailingFiles(disk)
        log = Log(files)
        depth = log.lane.depth("primary")
        frames = log.frames(depth.committed)
        assert depth.payload_bytes == sum(len(frame.payload) for frame in frames)
        assert depth.records == sum(frame.count for frame in frames) >= 0
        assert depth.oldest_accepted_at == (frames[0].accepted_at if frames else None)
        files.arm(random.randrange(1, 40), random.choice(CUTS))
        try:
            for _ in range(random.randrange(5)):
                number += 1
                log.append(draft(number, size=random.randrange(2000), count=random.randrange(1, 4)))
                if random.random() < 0.5 and (waiting := log.frames(log.lane.depth("primary").committed)):
                    log.lane.commit("primary", random.choice(waiting).last)
        except PowerCut:
            disk = disk.after_power_cut(random)


def test_f06_damaged_frames_are_set_aside_and_everything_behind_them_is_served() -> None:
    disk = WriteBackDisk()
    log = Log(disk)
    for number in range(1, 13):
        log.append(draft(number, size=700))
    assert len(segments(disk)) == 3
    for segment in (1, 2):
        disk.content(path(segment))[520] ^= 1  # a header
        disk.content(path(segment))[2200] ^= 1  # a payload
    log = Log(disk)
    served = log.frames()
    assert [frame.sequence for frame in served] == [2, 4, 6, 8, 9, 10, 11, 12]
    assert len(log.quarantined) == 4
    assert len(disk.list_directory(FOLDER / "quarantine")) == 4
    log.lane.commit("primary", 12)
    assert segments(disk) == [3]
    assert log.lane.depth("primary").records == 0


def test_f07_a_start_that_fails_removes_and_changes_nothing() -> None:
    disk = WriteBackDisk()
    log = Log(disk)
    for number in range(1, 7):
        log.append(draft(number, size=1500))
    log.stop()
    before = contents(disk)
    failed = 0
    for call in range(1, 40):
        files = FailingFiles(disk, call, error(errno.EIO), ["open", "list_directory", "size", "fsync_directory"])
        try:
            Log(files)
        except DataFolderUnusable:
            failed += 1
            segments_now = {name: content for name, content in contents(disk).items() if name in before}
            assert {name for name in segments_now if "segment" in name} == {
                name for name in before if "segment" in name
            }
            assert all(segments_now[name] == before[name] for name in before if "segment" in name)
    assert failed > 10
    assert len(Log(disk).drafts()) == 6


def test_f08_a_start_reads_the_last_segment_and_little_else() -> None:
    class Counting(WriteBackDisk):
        read = 0
        most_open = 0

        def pread(self, handle: int, size: int, offset: int) -> bytes:
            self.most_open = max(self.most_open, self.open_handles)
            data = super().pread(handle, size, offset)
            self.read += len(data)
            return data

    disk = Counting()
    log = Log(disk, segment_bytes=16_384)
    for number in range(1, 301):
        log.append(draft(number, size=4500))
    log.stop()
    assert len(segments(disk)) == 100
    disk.read = disk.most_open = 0
    log = Log(disk, segment_bytes=16_384)
    assert log.lane.depth("primary").records == 300
    headers, segment = 100 * 512, 16_384
    assert disk.read < headers + 4 * segment
    assert disk.most_open <= 4
    assert len(log.frames(max_bytes=10_000)) == 300
    assert disk.most_open <= 10


def test_f09_sequences_and_segment_ids_beyond_32_bits() -> None:
    disk = WriteBackDisk()
    Log(disk).stop()
    mark = Watermark.open(Uninterrupted(disk), FOLDER / "primary.mark", "tasks/primary", exists=True)
    mark.move((1 << 32) - 3)
    header = SegmentHeader(
        version=FORMAT_VERSION, lane="tasks", id=(1 << 32) - 2, first=(1 << 32) - 2, payload_before=0, created_at=0
    )
    disk.replace(path(header.id), Codec().encode_segment(header))
    log = Log(disk)
    for number in range(8):
        log.append(draft(number, size=1500))
    assert [frame.sequence for frame in log.frames((1 << 32) - 3)] == list(range((1 << 32) - 2, (1 << 32) + 6))
    assert segments(disk)[-1] > 1 << 32
    log.lane.commit("primary", (1 << 32) + 2)
    log = Log(disk)
    assert log.lane.depth("primary").records == 3
    assert log.append(draft(9)) == [((1 << 32) + 6, (1 << 32) + 6)]


def test_f10_another_configuration_at_the_restart_keeps_the_backlog() -> None:
    disk = WriteBackDisk()
    log = Log(disk, readers=("primary", "search"))
    drafts = [draft(number, size=1500) for number in range(1, 7)]
    for each in drafts:
        log.append(each)
    log.stop()
    Log(disk, folder=FOLDER.with_name("other")).stop()  # the lane is not declared
    Log(disk, readers=("search",)).stop()
    Log(disk, readers=("archive", "primary")).stop()
    smaller = Log(disk, segment_bytes=1024)
    assert smaller.drafts() == drafts
    smaller.append(draft(7))
    assert Log(disk, segment_bytes=1 << 20).drafts() == [*drafts, draft(7)]


def test_f11_the_log_shrinks_to_what_waits_and_sends_nothing_twice() -> None:
    disk = WriteBackDisk()
    log = Log(disk)
    for number in range(1, 21):
        log.append(draft(number, size=1500))
    for through in range(1, 21):
        log.lane.commit("primary", through)
        log = Log(disk)
        assert log.drafts(log.lane.depth("primary").committed) == [
            draft(number, size=1500) for number in range(through + 1, 21)
        ]
        assert len(segments(disk)) == max(1, 10 - through // 2)
    assert not log.reports


async def test_f12_concurrent_appends_share_their_syncs() -> None:
    files = FailingFiles(WriteBackDisk())
    journal = LocalJournal(
        FOLDER.parent, ["tasks"], lambda observation: None, SystemClock(), segment_bytes=1 << 20, files=files
    )
    await journal.open()
    await journal.append("tasks", draft(0))
    files.calls.clear()
    await asyncio.gather(*(journal.append("tasks", draft(number, size=50)) for number in range(2000)))
    assert files.calls.count("fdatasync") < 200
    await journal.close()


def test_f13_a_frame_larger_than_a_segment_is_refused_and_harms_nothing() -> None:
    log = Log(WriteBackDisk())
    log.append(draft(1))
    with pytest.raises(PayloadTooLarge):
        log.append(draft(2, size=5000))
    log.append(draft(3))
    assert log.drafts() == [draft(1), draft(3)]


def test_f14_reading_moves_nothing_and_only_a_commit_does() -> None:
    disk = WriteBackDisk()
    log = Log(disk)
    for number in range(1, 9):
        log.append(draft(number, size=1500))
    assert len(log.frames()) == 8
    for boot in boots(disk):
        assert len(Log(boot).frames()) == 8
    log.lane.commit("primary", 3)
    for boot in boots(disk):
        again = Log(boot)
        assert again.lane.depth("primary").committed == 3
        assert len(again.frames(3)) == 5


def test_f15_a_failed_fsync_is_never_tried_again_and_its_frames_are_never_answered() -> None:
    for seed in SEEDS:
        disk = WriteBackDisk()
        files = FailingFiles(disk)
        log = Log(files)
        log.append(draft(1))
        files.arm(1, error(errno.EIO), ["fdatasync"])
        with pytest.raises(JournalFailed):
            log.append(draft(2), draft(3))
        files.calls.clear()
        for _ in range(3):
            with pytest.raises(JournalFailed):
                log.append(draft(4))
        log.stop()
        assert "fdatasync" not in files.calls
        found = Log(disk.after_power_cut(Random(seed))).drafts()
        assert found == [draft(1)], "the pages were dropped"
        restarted = Log(disk)
        assert restarted.drafts() == [draft(1), draft(2), draft(3)], "the page cache still has them"
        assert all(Log(boot).drafts() == restarted.drafts() for boot in boots(disk)), "and now the disk has them too"

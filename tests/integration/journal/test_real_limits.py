"""What tiny segments and small numbers hide, on the real disk at the real limits."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from adapters.journal.files import Uninterrupted
from adapters.journal.real_files import RealFiles
from adapters.journal.watermark import Watermark
from adapters.journal.write_buffer import SEGMENT_BYTES, LocalJournal
from adapters.system.clock import SystemClock
from domain.errors import JournalFull
from domain.model.frames import FrameDraft, Position
from tests.unit.adapters.journal.logs import NOON, draft, stripped

LANE = "tasks"
LARGEST = 8 << 20


def journal(folder: Path) -> LocalJournal:
    return LocalJournal(folder, [LANE], lambda observation: pytest.fail(str(observation)), SystemClock())


def largest(number: int) -> FrameDraft:
    """The largest body the door takes, of as many records."""
    payload = (b'["%08d"]' % number).ljust(LARGEST)
    return FrameDraft(accepted_at=NOON, first_revision=1 << 62, count=10_000, payload=payload)


async def everything(log: LocalJournal, after: int) -> list[FrameDraft]:
    drafts = []
    while frames := await log.read(LANE, 0, after, max_bytes=LARGEST, wait_seconds=0):
        drafts += map(stripped, frames)
        after = frames[-1].last
    return drafts


@pytest.mark.slow
async def test_the_largest_frames_and_sequences_above_32_bits_through_rolls_and_a_restart(tmp_path: Path) -> None:
    start = (1 << 33) + 12_345
    (tmp_path / LANE).mkdir()
    mark = Watermark.open(Uninterrupted(RealFiles()), tmp_path / LANE / "primary.mark", f"{LANE}/primary", exists=False)
    mark.move(start)
    mark.close()
    log = journal(tmp_path)
    await log.open()
    for number in range(9):  # seven stand in a segment
        position = await log.append(LANE, largest(number))
        assert position.first == start + 1 + 10_000 * number
    assert await log.append(LANE, draft(7)) == Position(0, start + 90_001, start + 90_001)
    await log.close()
    log = journal(tmp_path)
    await log.open()
    depth = await log.depth(LANE)
    assert (depth.committed, depth.records) == (start, 90_001)
    assert depth.payload_bytes == 9 * LARGEST + len(draft(7).payload)
    assert await everything(log, start) == [*map(largest, range(9)), draft(7)]
    await log.commit(LANE, 0, "primary", start + 75_000)
    assert await everything(log, start + 75_000) == [largest(7), largest(8), draft(7)]
    await log.commit(LANE, 0, "primary", start + 90_001)
    assert (await log.depth(LANE)).records == 0
    await log.close()
    assert sum(path.stat().st_size for path in (tmp_path / LANE).iterdir()) < SEGMENT_BYTES


async def test_a_limit_on_the_size_of_files_refuses_and_lifting_it_takes_again(tmp_path: Path) -> None:
    log = journal(tmp_path)
    await log.open()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SEGMENT_BYTES // 2, before[1]))
    try:
        with pytest.raises(JournalFull):
            await log.append(LANE, draft(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not log.failed
    assert await log.append(LANE, draft(2)) == Position(0, 1, 1)
    await log.close()
    log = journal(tmp_path)
    await log.open()
    assert await everything(log, 0) == [draft(2)]
    await log.close()


async def test_the_reserved_space_of_a_segment_is_given_back_when_it_is_closed(tmp_path: Path) -> None:
    log = journal(tmp_path)
    await log.open()
    await log.append(LANE, draft(1))
    (segment,) = (tmp_path / LANE).glob("*.segment")
    assert segment.stat().st_size == SEGMENT_BYTES
    await log.close()
    assert segment.stat().st_size < 1024

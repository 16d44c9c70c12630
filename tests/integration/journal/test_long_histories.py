"""The state machine for long, and the whole journal with its threads over the write-back disk."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings

from adapters.journal.write_buffer import LocalJournal
from adapters.system.clock import SystemClock
from domain.model.frames import Position
from tests.unit.adapters.journal.disks import FailingFiles, WriteBackDisk, slow
from tests.unit.adapters.journal.logs import FOLDER, draft, stripped
from tests.unit.adapters.journal.machine import JournalMachine


@pytest.mark.slow
class TestLongHistoriesKeepWhatWasAnswered(JournalMachine.TestCase):
    settings = settings(
        max_examples=300,
        stateful_step_count=40,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=(Phase.generate,),  # a failing history is short enough; shrinking takes minutes
    )


@pytest.mark.parametrize("seed", range(40))
async def test_a_power_cut_at_any_moment_under_concurrent_appends_loses_no_answer(seed: int) -> None:
    """Appends go on while the power is cut; what was answered before the cut is on the next boot's disk."""
    random = Random(seed)
    disk = WriteBackDisk()
    journal = LocalJournal(
        FOLDER.parent, [FOLDER.name], lambda observation: None, SystemClock(), segment_bytes=8192, files=disk
    )
    await journal.open()
    answered: dict[int, int] = {}

    async def client(start: int) -> None:
        for number in range(start, start + 40):
            position = await journal.append(FOLDER.name, draft(number, size=random.randrange(1500)))
            answered[position.first] = number

    clients = [asyncio.create_task(client(100 * each)) for each in range(6)]
    for _ in range(random.randrange(60)):
        await asyncio.sleep(0)
    before = dict(answered)  # the image is taken later than this, never earlier
    boot = await asyncio.to_thread(disk.after_power_cut, random)
    await asyncio.gather(*clients)
    await journal.close()
    again = LocalJournal(
        FOLDER.parent, [FOLDER.name], lambda observation: None, SystemClock(), segment_bytes=8192, files=boot
    )
    await again.open()
    found: dict[int, int] = {}
    after = 0
    while frames := await again.read(FOLDER.name, 0, after, max_bytes=10_000, wait_seconds=0):
        found |= {frame.sequence: frame.first_revision for frame in frames}
        after = frames[-1].last
    await again.close()
    assert before.items() <= found.items()
    assert list(found) == sorted(found)


async def test_a_slow_disk_gathers_more_and_keeps_the_order() -> None:
    files = FailingFiles(WriteBackDisk())
    journal = LocalJournal(FOLDER.parent, [FOLDER.name], lambda observation: None, SystemClock(), files=files)
    await journal.open()
    first = asyncio.create_task(journal.append(FOLDER.name, draft(0)))
    files.arm(1, slow, ["fdatasync"])
    await asyncio.sleep(0)
    rest = [journal.append(FOLDER.name, draft(number)) for number in range(1, 200)]
    positions = [await first, *await asyncio.gather(*rest)]
    frames = await journal.read(FOLDER.name, 0, 0, max_bytes=1 << 20, wait_seconds=0)
    await journal.close()
    assert positions == [Position(0, number, number) for number in range(1, 201)]
    assert [stripped(frame) for frame in frames] == [draft(number) for number in range(200)]

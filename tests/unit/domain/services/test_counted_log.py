from __future__ import annotations

import pytest

from adapters.system.ids import SystemIds
from domain.errors import JournalFailed
from domain.services.counted_log import CountedLog


class Log:
    """Tells what the generation was when the watermark moved; fails where a test says so."""

    failure: Exception | None = None

    async def commit(self, lane, partition, reader, through):
        self.seen = await self.counted.of(lane)
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def log():
    log = Log()
    log.counted = CountedLog(log, SystemIds())
    return log


async def test_the_generation_ends_before_the_watermark_moves_and_that_of_no_other_lane(log):
    before, other = await log.counted.of("tasks"), await log.counted.of("sessions")
    await log.counted.commit("tasks", 0, "primary", 1)
    assert log.seen == await log.counted.of("tasks") != before
    assert await log.counted.of("sessions") == other


async def test_it_ends_too_where_the_watermark_then_does_not_move(log):
    before, log.failure = await log.counted.of("tasks"), JournalFailed()
    with pytest.raises(JournalFailed):
        await log.counted.commit("tasks", 0, "primary", 1)
    assert await log.counted.of("tasks") != before


async def test_another_run_has_other_generations(log):
    assert await CountedLog(log, SystemIds()).of("tasks") != await log.counted.of("tasks")

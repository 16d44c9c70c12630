"""A collection that a worker drains: what the service knows of it is what the worker's own lane knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.errors import BackendUnavailable, SchemaMismatch
from domain.model.built_in import BUILT_IN
from domain.model.lanes import LaneState
from domain.model.observations import BatchFlushed, FlushFailed, Observation
from domain.model.policies import BufferPolicy
from domain.model.translation import TASKS
from domain.services import pace
from domain.services.progress import Progress
from domain.services.remote_lane import RemoteLane
from tests.unit.domain.services.house import House, task

POLICY = BufferPolicy(linger_seconds=0.001)


class Worker:
    """Notes who is drained and how often it was nudged."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.drained: list[str] = []
        self.nudges = 0

    @asynccontextmanager
    async def draining(self, lane: RemoteLane) -> AsyncIterator[None]:
        self.drained.append(lane.collection.name)
        try:
            yield
        finally:
            self.drained.remove(lane.collection.name)

    def nudge(self) -> None:
        self.nudges += 1


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def lane(worker: Worker) -> RemoteLane:
    return RemoteLane(TASKS, POLICY, worker)


async def test_its_state_follows_the_observations_of_the_lane_that_the_worker_drains(lane, monkeypatch):
    monkeypatch.setattr(pace, "_STRUCTURAL_PAUSE", 0.01)
    seen: list[tuple[LaneState, LaneState]] = []

    class Following(list[Observation]):
        def append(self, observation: Observation) -> None:
            super().append(observation)
            lane.observed(observation)
            if isinstance(observation, FlushFailed | BatchFlushed):
                seen.append((lane.state, house.flush.states()[TASKS.name]))

    house = House(policy=POLICY)
    house.seen = Following()
    house.build()
    async with house.running():
        for faults in ([BackendUnavailable("away")] * 3, [], [SchemaMismatch("no such column")] * 2, []):
            house.backend.errors = list(faults)
            await house.post(task("a"))
            await house.flush.flush(BUILT_IN, 10)

    assert len(seen) == 3 + 1 + 1 + 2 + 1 + 1
    assert any(state.paused for state, _ in seen)
    assert [known for known, _ in seen] == [real for _, real in seen]
    assert seen[-1][0] == LaneState(batch_records=1200, attempt=0, paused=False, last_error=None)


async def test_who_waits_here_is_let_go_when_the_worker_has_moved_the_watermark(lane, worker):
    told: list[tuple[str, int]] = []
    progress = Progress()
    progress.reached(10)
    draining = asyncio.create_task(lane.drain(progress, lambda name, through: told.append((name, through))))
    waiting = asyncio.create_task(progress.reach(12))
    await asyncio.sleep(0.01)
    assert (worker.drained, worker.nudges, lane.progress.wanted) == ([TASKS.name], 1, 12)
    lane.committed(11)
    await asyncio.sleep(0)
    assert not waiting.done()
    lane.committed(13)
    await asyncio.wait_for(waiting, 1)
    assert told == [(TASKS.name, 11), (TASKS.name, 13)]
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)
    assert worker.drained == []


async def test_the_worker_is_nudged_once_for_each_time_that_more_is_wanted(lane, worker):
    progress = Progress()
    draining = asyncio.create_task(lane.drain(progress, lambda _name, _through: None))
    for wanted in (5, 3, 5, 9, 9):
        progress.want(wanted)
        await asyncio.sleep(0.001)
    progress.reached(9)
    progress.want(9)
    await asyncio.sleep(0.001)
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)
    assert worker.nudges == 2


async def test_why_nothing_comes_shows_as_its_error_unless_the_worker_told_a_better_one(lane, worker):
    worker.trouble = "The worker process ended: it was killed by SIGKILL."
    assert lane.state.last_error == worker.trouble
    lane.observed(FlushFailed(collection=TASKS.name, error="x", detail="away", attempt=2, retry_in_seconds=1.0))
    assert (lane.state.last_error, lane.state.attempt) == ("away", 2)
    lane.restarted()
    worker.trouble = None
    assert lane.state == LaneState(batch_records=1000, attempt=0, paused=False, last_error=None)

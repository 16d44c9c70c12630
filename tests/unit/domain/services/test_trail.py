"""Who follows a lane is told the keys of everything that is applied from then on."""

from __future__ import annotations

import asyncio
import json

import pytest

from adapters.memory.write_buffer import MemoryWriteBuffer
from adapters.system.ids import SystemIds
from domain.errors import AbilityMissing, Conflict
from domain.model.built_in import BUILT_IN
from domain.model.frames import FrameDraft, FrameKind
from domain.model.translation import TASKS
from domain.services import trail as module
from domain.services.schema import Schemas
from domain.services.trail import Trail
from tests.unit.domain.services.house import START, SteppingClock, task

LANE = TASKS.name


class Clock(SteppingClock):
    """Monotonic time that a test sets."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
async def log():
    log = MemoryWriteBuffer([LANE])
    yield log
    await log.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def trail(log, clock):
    return Trail(log, Schemas(BUILT_IN), SystemIds(), clock)


async def append(log, *records, kind=FrameKind.WRITE) -> int:
    payload = json.dumps(records).encode()
    draft = FrameDraft(accepted_at=START, first_revision=1, count=len(records), payload=payload, kind=kind)
    return (await log.append(LANE, draft)).last


async def commit(trail, through):
    await trail.commit(LANE, 0, "primary", through)


async def test_what_is_applied_behind_the_beginning_is_told_once(log, trail):
    await commit(trail, await append(log, task("before")))
    in_hand = await append(log, task("in hand"), task("too"))
    name, keys = trail.follow(LANE)
    assert keys == []
    waiting = await append(log, task("waits"))
    await commit(trail, in_hand)
    assert trail.follow(LANE, name) == (name, ["in hand", "too"])
    assert trail.follow(LANE, name) == (name, [])
    stone = {"key": "gone", "created_at": "2026-11-24T10:00:00Z", "updated_at": "2026-11-24T10:00:00Z"}
    await append(log, stone, kind=FrameKind.DELETE)
    await commit(trail, waiting + 1)
    assert trail.follow(LANE, name) == (name, ["gone", "waits"])
    assert (await log.depth(LANE)).records == 0


async def test_a_frame_that_is_refused_in_part_tells_the_rest(log, trail):
    name, _ = trail.follow(LANE)
    await commit(trail, await append(log, task("good"), {"task_id": "bad"}, task("also")))
    assert trail.follow(LANE, name)[1] == ["also", "good"]


async def test_a_new_beginning_ends_the_former_one(log, trail):
    former, _ = trail.follow(LANE)
    name, _ = trail.follow(LANE)
    with pytest.raises(Conflict):
        trail.follow(LANE, former)
    assert trail.follow(LANE, name) == (name, [])
    with pytest.raises(Conflict):
        trail.follow("translation_sessions", name)


async def test_nobody_is_followed_for_ever(log, trail, clock):
    name, _ = trail.follow(LANE)
    clock.seconds = module.FORGOTTEN_SECONDS
    assert trail.follow(LANE, name)[1] == []
    clock.seconds = 2.5 * module.FORGOTTEN_SECONDS
    await commit(trail, await append(log, task("late")))
    with pytest.raises(Conflict):
        trail.follow(LANE, name)


async def test_more_than_can_be_told_ends_it(log, trail, monkeypatch):
    monkeypatch.setattr(module, "MAX_KEYS", 2)
    name, _ = trail.follow(LANE)
    await commit(trail, await append(log, task("a"), task("b"), task("c")))
    with pytest.raises(Conflict):
        trail.follow(LANE, name)


async def test_what_workers_elsewhere_write_cannot_be_followed(log, clock):
    with pytest.raises(AbilityMissing):
        Trail(log, Schemas(BUILT_IN), SystemIds(), clock, shared=4).follow(LANE)


async def test_a_beginning_amid_a_commit_misses_nothing_behind_it(log, trail):
    """What such a commit passes was stored before, and is there for whoever reads the backend now."""
    trail.follow(LANE)
    through = await append(log, task("stored"))
    committing = asyncio.create_task(commit(trail, through))
    await asyncio.sleep(0)
    name, _ = trail.follow(LANE)
    await committing
    await commit(trail, await append(log, task("next")))
    assert "next" in trail.follow(LANE, name)[1]

"""A crashed client gets its session and all unfinished tasks back."""

import pytest

from domain.errors import BackendUnavailable, FlushIncomplete, RecordNotFound, SessionFinished
from domain.model.policies import BufferPolicy
from domain.model.query import Query, Sort
from domain.model.translation import SESSIONS, TASKS
from tests.unit.domain.services.house import House, session, task

BY_KEY = Query(sort=(Sort("session_id"),))


async def test_restore_gives_everything_acknowledged_flushed_or_not():
    house = House(policy=BufferPolicy(linger_seconds=30))
    async with house.running():
        await house.post(session(), collection=SESSIONS)
        await house.post(*(task(f"t{i:04}", status="completed" if i % 3 else "pending") for i in range(2_500)))
        await house.post(task("other", session_id="s2"), task("t0001", status="processing"))
        restored = await house.recovery.restore("s1")
        keys = [record.key for portion in [p async for p in restored.tasks] for record in portion]

    assert restored.session.key == "s1"
    assert keys == sorted({f"t{i:04}" for i in range(0, 2_500, 3)} | {"t0001"})
    assert restored.progress.counts == {"pending": 834, "processing": 1, "completed": 1665, "failed": 0}
    assert restored.progress.progress == pytest.approx(1665 / 2500)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
async def test_a_finished_session_has_nothing_to_restore(status):
    house = House()
    async with house.running():
        await house.post(session(status=status), collection=SESSIONS)
        with pytest.raises(SessionFinished):
            await house.recovery.restore("s1")
        with pytest.raises(RecordNotFound):
            await house.recovery.restore("s2")


async def test_restore_refuses_rather_than_to_leave_something_out():
    house = House(policy=BufferPolicy(linger_seconds=0.001, read_deadline_seconds=0.1))
    async with house.running():
        await house.post(session(), collection=SESSIONS)
        house.backend.errors = [BackendUnavailable()] * 100
        with pytest.raises(FlushIncomplete):
            await house.recovery.restore("s1")


async def test_incomplete_sessions_are_those_that_are_pending_or_processing():
    house = House()
    async with house.running():
        statuses = ["pending", "processing", "completed", "failed", "cancelled"]
        await house.post(*(session(name, status=name) for name in statuses), collection=SESSIONS)
        found = await house.recovery.incomplete(BY_KEY, strong=True)

    assert [record.key for record in found.items] == ["pending", "processing"]
    assert TASKS.parent == "session_id"

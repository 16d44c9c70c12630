"""An interrupted client gets its session back, whatever was flushed when the process died."""

from __future__ import annotations

import pytest

from tests.e2e.api import ROOT, Api
from tests.e2e.samples import real_records
from tests.e2e.service import Service
from tests.e2e.stores import on_every_store

pytestmark = pytest.mark.slow


@on_every_store
async def test_a_session_is_restored_whole_right_after_the_process_was_killed(service: Service, api: Api) -> None:
    session = next(s for s in real_records("sessions") if s["status"] == "processing" and s["total_tasks"] > 500)
    session_id = session["session_id"]
    tasks = [task for task in real_records("tasks") if task["session_id"] == session_id]
    unfinished = {task["task_id"]: task["source_text"] for task in tasks if task["status"] == "pending"}
    await service.start()
    assert (await api.post_batch("sessions", [session])).status == 202
    for begin in range(0, len(tasks), 100):
        assert (await api.post_batch("tasks", tasks[begin : begin + 100])).status == 202

    service.kill()
    await service.start()
    reply = await api.send("POST", f"{ROOT}/recovery/restore/{session_id}")
    assert reply.status == 200, reply
    assert reply.body["session"]["session_id"] == session_id
    assert {task["task_id"]: task["source_text"] for task in reply.body["tasks"]} == unfinished
    assert len(reply.body["tasks"]) == len(unfinished)
    assert reply.body["statistics"]["counts"]["completed"] == len(tasks) - len(unfinished)
    assert reply.body["lease"] is None

    listed = await api.send("GET", f"{ROOT}/recovery/incomplete-sessions")
    assert [item["session_id"] for item in listed.body["items"]] == [session_id]

"""The whole service with its records in Redis."""

from __future__ import annotations

import pytest

from tests.e2e.api import ROOT
from tests.e2e.service import Service

pytestmark = pytest.mark.slow

TASKS = 2500


@pytest.fixture
def store(databases):
    """Takes the place of the store of other tests."""
    main = "PERSISTENCE__BACKENDS__MAIN__"
    return {f"{main}TYPE": "redis", f"{main}URL": databases("redis").dsn}


def task(number: int) -> dict[str, str]:
    texts = {"source_lang": "en", "target_lang": "de", "source_text": f"text {number}"}
    status = "pending" if number % 2 else "completed"
    return {"task_id": f"t{number:05}", "session_id": f"s{number % 5}", "status": status, **texts}


async def test_records_are_taken_changed_listed_counted_and_restored_through_a_kill(service: Service, api):
    async with service:
        sessions = [
            {"session_id": f"s{n}", "status": "processing", "source_lang": "en", "target_lang": "de"} for n in range(5)
        ]
        assert (await api.post_batch("sessions", sessions)).status == 202
        assert (await api.post_batch("tasks", [task(number) for number in range(TASKS)])).status == 202
        service.kill()
        await service.start()
        await api.flush()
        page = (await api.send("GET", f"{ROOT}/tasks", params={"session_id": "s1", "count": "exact"})).body
        assert (page["total"], page["items"][0]["task_id"]) == (TASKS // 5, "t00001")
        patched = await api.send("PATCH", f"{ROOT}/tasks/t00001", body={"translated_text": "Wort"})
        assert (patched.status, patched.body["translated_text"]) == (200, "Wort")
        assert (await api.send("DELETE", f"{ROOT}/tasks/t00003")).status == 204
        await api.flush()
        stats = (await api.send("GET", "/api/v1/system/stats")).body["collections"]["translation_tasks"]
        assert stats["by_status"] == {"pending": TASKS // 2 - 1, "completed": TASKS // 2}
        restored = (await api.send("POST", f"{ROOT}/recovery/restore/s1")).body
        assert len(restored["tasks"]) == restored["statistics"]["counts"]["pending"] == TASKS // 10
        health = (await api.send("GET", "/api/v1/system/health")).body
        assert (health["status"], health["backends"]["main"]["healthy"]) == ("ok", True)
        assert await service.stop() == 0

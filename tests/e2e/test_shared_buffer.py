"""Two instances and two workers over one Redis and one MariaDB: what is killed loses nothing."""

from __future__ import annotations

import asyncio
import signal
import subprocess

import pytest

from tests.e2e.api import ROOT, Api
from tests.e2e.service import Service, command, environment, free_port
from tests.e2e.shared_loop import SharedLoop, WorkerProcess, migrate, shared_settings

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(databases, tmp_path):
    settings = shared_settings("mariadb", databases("mariadb"), databases("redis"))
    migrate(settings, tmp_path)
    return settings


@pytest.mark.parametrize("fault", ["worker-killed", "redis-killed"])
async def test_faults_under_load_lose_nothing(fault, settings, tmp_path, redis):
    loop = SharedLoop(tmp_path, settings, redis, seed=7)
    outcome = await loop.run(seconds=8, every=2, fault=fault)
    assert outcome.faults == []
    assert outcome.report.acknowledged > 0
    assert outcome.report.lost == 0


async def test_any_instance_answers_for_a_receipt_and_waits_for_what_it_names(settings, tmp_path):
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    session = {"session_id": "s1", "status": "pending", "source_lang": "en", "target_lang": "de"}
    worker = WorkerProcess(tmp_path, settings, 0)
    first, second = (Service(folder, settings=settings) for folder in folders)
    async with first, second, Api(first.url) as one, Api(second.url) as other:
        taken = (await one.post_batch("sessions", [session])).body["receipt"]
        assert (await other.send("GET", f"/api/v1/receipts/{taken}")).body["state"] == "pending"
        assert (await one.send("GET", f"{ROOT}/sessions/s1")).status == 200
        assert (await other.send("GET", f"{ROOT}/sessions/s1")).status == 404
        late = await other.send("GET", f"{ROOT}/sessions/s1", params={"receipt": taken})
        assert (late.status, late.code) == (503, "flush_incomplete")
        health = (await other.send("GET", "/api/v1/system/health")).body
        assert (health["status"], "No worker" in health["collections"]["translation_sessions"]["last_error"]) == (
            "degraded",
            True,
        )
        worker.spawn("--burst")
        assert worker.wait() == 0, worker.log.read_text()
        assert (await other.send("GET", f"{ROOT}/sessions/s1", params={"receipt": taken})).status == 200
        assert (await other.send("GET", f"/api/v1/receipts/{taken}")).body["state"] == "applied"
        held = await one.send("POST", "/api/v1/system/buffers/translation_tasks/hold")
        assert (held.status, held.code) == (501, "ability_missing")
        assert [await first.stop(), await second.stop()] == [0, 0]
    worker.end(signal.SIGKILL)


async def test_a_worker_says_how_it_fares_and_what_it_counts(settings, tmp_path):
    port = free_port()
    worker = WorkerProcess(tmp_path, settings | {"PERSISTENCE__WORKER__PORT": str(port)}, 0)
    session = {"session_id": "s1", "status": "pending", "source_lang": "en", "target_lang": "de"}
    instance = Service(tmp_path, settings=settings)
    async with instance, Api(instance.url) as api, Api(f"http://127.0.0.1:{port}") as probes:
        worker.spawn()
        await asyncio.to_thread(worker.settle)
        try:
            await api.post_batch("sessions", [session])
            await api.flush()
            assert (await probes.send("GET", "/health/live")).body == {"status": "live"}
            found = (await probes.send("GET", "/health")).body
            assert (found["status"], found["held"]["translation_sessions"]) == ("ok", [0, 1, 2])
            page = await probes.page("/metrics")
            assert 'persistence_sessions_total{status="pending"} 1.0' in page
            assert 'persistence_collection_paused{type="session"} 0.0' in page
            assert (await probes.send("GET", "/api/v1/translation/sessions")).status == 404
        finally:
            assert worker.end(signal.SIGTERM) == 0


def test_a_worker_without_a_shared_buffer_says_what_it_is_for(tmp_path):
    ended = subprocess.run(command("worker"), cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert (ended.returncode, "Traceback" in ended.stderr) == (78, False)
    assert 'type = "redis"' in ended.stderr


def test_a_shared_buffer_wants_a_database_that_can_be_shared(tmp_path):
    journal = {"PERSISTENCE__JOURNAL__TYPE": "redis", "PERSISTENCE__JOURNAL__URL": "redis://:secret@127.0.0.1:1/0"}
    ended = subprocess.run(command("serve"), cwd=tmp_path, env=environment(journal), capture_output=True, text=True)
    assert ended.returncode == 78
    assert "needs a database server" in ended.stderr
    shown = subprocess.run(
        command("config", "show"), cwd=tmp_path, env=environment(journal), capture_output=True, text=True
    )
    assert "secret" not in shown.stdout + ended.stderr

"""Logs through the whole service and its command line."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from tests.e2e.api import Api
from tests.e2e.service import PATIENT, Service, command, environment

pytestmark = pytest.mark.slow

LOGS, KEYS = "/api/v1/logs", "/api/v1/system/keys"


async def test_logs_go_in_and_out_by_the_command_line(tmp_path: Path) -> None:
    file, out = tmp_path / "logs.ndjson", tmp_path / "out.ndjson"
    logs = [{"level": "info", "message": f"m{n:02}", "task_id": f"t{n}", "context": {"n": n}} for n in range(30)]
    file.write_text(
        "".join(json.dumps(log) + "\n" for log in [*logs[:20], {"level": "loud", "message": "x"}, *logs[20:]])
    )

    def persistence(*arguments: str) -> subprocess.CompletedProcess[str]:
        run = command(*arguments, "--url", service.url)
        return subprocess.run(run, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)

    async with Service(tmp_path, settings=PATIENT) as service:
        done = await asyncio.to_thread(persistence, "import", str(file))
        assert (done.returncode, "Acknowledged 30 records" in done.stdout) == (65, True), done.stderr
        assert f"{file}:21:" in done.stderr

        done = await asyncio.to_thread(persistence, "export", "logs", "--output", str(out))
        assert done.returncode == 0, done.stderr
        exported = [json.loads(line) for line in out.read_text().splitlines()]
        assert (
            sorted(({name: log[name] for name in logs[0]} for log in exported), key=lambda log: log["message"]) == logs
        )
        assert {UUID(log["log_id"]).version for log in exported} == {7}

        again = await asyncio.to_thread(persistence, "import", str(out))
        assert again.returncode == 0, again.stderr
        shown = await asyncio.to_thread(persistence, "query", "logs", "message=m07")
        assert "1 of 1 log" in shown.stdout + shown.stderr, shown.stdout
        shown = await asyncio.to_thread(persistence, "get", "logs", exported[0]["log_id"])
        assert (exported[0]["message"] in shown.stdout, shown.returncode) == (True, 0)


async def test_while_the_log_takes_nothing_administrators_do_nothing_and_data_goes_on(tmp_path: Path) -> None:
    service = Service(tmp_path, settings=PATIENT)
    service.log = Path("/dev/full")
    async with service, Api(service.url) as api:
        for _ in range(2):
            for refused in (
                await api.send("POST", KEYS, body={"name": "ci", "scopes": ["read"]}),
                await api.send("POST", "/api/v1/system/flush"),
                await api.send("GET", f"{LOGS}/export"),
            ):
                assert (refused.status, refused.code) == (503, "audit_failed")
            taken = await api.send("POST", f"{LOGS}/batch", body={"logs": [{"level": "info", "message": "m"}]})
            assert taken.status == 202
        listed = await api.send("GET", LOGS, params={"count": "exact", "consistency": "strong"})
        assert (listed.status, listed.body["total"]) == (200, 2)
        keys = await api.send("GET", KEYS)
        assert (keys.status, keys.body["items"]) == (200, [])


async def test_made_ids_outlive_a_kill_and_a_request_that_is_sent_again(tmp_path: Path) -> None:
    batch = {"logs": [{"level": "info", "message": f"m{n:02}"} for n in range(50)]}
    settings = PATIENT | {"PERSISTENCE__BUFFER__LINGER_SECONDS": "20"}

    async def send() -> None:
        async with client.post(f"{LOGS}/batch", json=batch, headers={"Idempotency-Key": "k1"}) as response:
            assert response.status == 202

    async def stored() -> list[tuple[str, str]]:
        async with client.get(f"{LOGS}?page_size=100&consistency=strong&sort_by=log_id") as response:
            return [(item["log_id"], item["message"]) for item in (await response.json())["items"]]

    async with Service(tmp_path, settings=settings) as service, aiohttp.ClientSession(service.url) as client:
        await send()
        service.kill()
        await service.start()
        await send()
        once = await stored()
        assert [message for _, message in once] == [log["message"] for log in batch["logs"]]
        service.kill()
        await service.start()
        await send()
        assert await stored() == once

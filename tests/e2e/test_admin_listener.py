"""Operators have a listener of their own: what is theirs is not there for the public, and both end together."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.service import Service, free_port

THEIRS = ("/metrics", "/docs", "/openapi.json", "/api/v1/system/health", "/api/v1/system/stats", "/api/v1/system/keys")
FOR_ALL = ("/", "/health/live", "/health/ready", "/api/v1/translation/tasks", "/problems/not_found")


@pytest.fixture
def port() -> int:
    return free_port()


async def statuses(url: str, paths: tuple[str, ...]) -> list[int]:
    async with aiohttp.ClientSession(url) as client:
        return [(await client.get(path)).status for path in paths]


async def test_the_public_listener_has_nothing_for_operators_and_theirs_has_everything(tmp_path: Path, port: int):
    settings = {"PERSISTENCE__ADMIN__PORT": str(port)}
    async with Service(tmp_path, settings=settings) as service:
        assert await statuses(service.url, THEIRS) == [404] * len(THEIRS)
        assert await statuses(service.url, FOR_ALL) == [200] * len(FOR_ALL)
        theirs = f"http://127.0.0.1:{port}"
        assert set(await statuses(theirs, THEIRS[:-1] + FOR_ALL)) == {200}
        async with aiohttp.ClientSession() as client:
            body = json.dumps(
                {"sessions": [{"session_id": "s1", "status": "pending", "source_lang": "en", "target_lang": "de"}]}
            )
            kind = {"Content-Type": "application/json"}
            for url in (service.url, theirs):
                async with client.post(f"{url}/api/v1/translation/sessions/batch", data=body, headers=kind) as answer:
                    assert answer.status == 202
        assert await service.stop() == 0
        with pytest.raises(aiohttp.ClientConnectionError):
            await statuses(theirs, ("/health/live",))
    started = [json.loads(line) for line in service.log.read_text().splitlines() if "service_started" in line]
    assert started[-1]["meta"]["admin_url"] == theirs


async def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    async with Service(tmp_path / "first") as first:
        second = Service(tmp_path / "second", settings={"PERSISTENCE__ADMIN__PORT": str(first.port)})
        second.spawn()
        assert second.process.wait(30) == 78
        second.kill()
        assert f"Port {first.port} on 127.0.0.1 is taken" in second.log.read_text()
        assert not second.data_dir.exists()

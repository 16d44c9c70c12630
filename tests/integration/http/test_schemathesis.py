from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from domain.model.access import Right
from entrypoints.http.openapi.operations import OPERATIONS
from entrypoints.http.routes import ROUTES
from tests.e2e.keys import ASKING, made
from tests.e2e.service import Service

SETTINGS = Path(__file__).with_name("schemathesis.toml")
OPERATED = [route for route in ROUTES if route.handler in OPERATIONS]
PHASES = "examples,coverage,fuzzing,stateful"
HELD_AND_FLUSHED = "60"  # seconds: a change waits until a hold of its collection ends, and then for its flush


@pytest.mark.slow
async def test_the_service_keeps_to_its_description_whatever_is_sent(tmp_path: Path) -> None:
    """About 3,000 requests, right and wrong: no server error, and no answer that the description does not have."""
    tool = Path(sys.executable).with_name("schemathesis")
    settings = ASKING | {"PERSISTENCE__SEARCH__TYPE": "sqlite"}
    key = made(tmp_path, settings, *Right)
    async with Service(tmp_path, settings=settings) as service:
        run = await asyncio.create_subprocess_exec(
            *(tool, "--config-file", SETTINGS, "run", f"{service.url}/openapi.json"),
            *("--header", f"X-API-Key: {key}", "--header", f"Authorization: Bearer {key}"),
            *("--phases", PHASES, "--max-examples", "15", "--seed", "1", "--request-timeout", HELD_AND_FLUSHED),
            *("--continue-on-failure", "--generation-database", "none", "--no-color"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await run.communicate())[0].decode()
        assert run.returncode == 0, said[:20_000]
        assert f"Tested: {len(OPERATED) - 2}\n" in said, said  # left out: the description itself, a piece's body
        assert await service.stop() == 0
    log = service.log.read_text()
    assert "Traceback" not in log
    served = [json.loads(line)["meta"]["status"] for line in log.splitlines() if '"request_served"' in line]
    assert served.count(401) < len(served) / 3, "most requests must get past the door"

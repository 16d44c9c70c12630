from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from entrypoints.http.openapi.operations import OPERATIONS
from entrypoints.http.routes import ROUTES
from tests.e2e.service import Service

SETTINGS = Path(__file__).with_name("schemathesis.toml")
OPERATED = [route for route in ROUTES if route.handler in OPERATIONS]
PHASES = "examples,coverage,fuzzing,stateful"
HELD_AND_FLUSHED = "60"  # seconds: a change waits until a hold of its collection ends, and then for its flush


@pytest.mark.slow
async def test_the_service_keeps_to_its_description_whatever_is_sent(tmp_path: Path) -> None:
    """About 3,000 requests, right and wrong: no server error, and no answer that the description does not have."""
    tool = Path(sys.executable).with_name("schemathesis")
    async with Service(tmp_path, settings={"PERSISTENCE__SEARCH__TYPE": "sqlite"}) as service:
        run = await asyncio.create_subprocess_exec(
            *(tool, "--config-file", SETTINGS, "run", f"{service.url}/openapi.json"),
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
    assert "Traceback" not in service.log.read_text()

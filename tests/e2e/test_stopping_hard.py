"""Stops at bad moments, with a ledger outside: during a replay, twice, killed amid the last flush, delayed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.e2e.api import Api, Lost
from tests.e2e.audit import audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.service import READY_SECONDS, Service
from tests.e2e.workload import Workload

pytestmark = pytest.mark.slow

HELD = (sys.executable, "-m", "tests.e2e.held_commit")
CLEAN, ROWS_REMAIN = 0, 75
NEVER = "600"  # seconds: a stop that waited for them would fail the test


@dataclass
class Stage:
    """A service whose flush can be held, and what was acknowledged by it."""

    service: Service
    api: Api
    ledger: Ledger
    workload: Workload
    folder: Path

    async def fill(self) -> None:
        """Let records wait that cannot be stored."""
        (self.folder / "hold").touch()
        await self.workload.burst(Random(1))
        while not (self.folder / "held").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def let_go(self) -> None:
        """Store again, from the next start on."""
        (self.folder / "hold").unlink()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to the running process."""
        self.service.process.send_signal(number)

    async def ended(self) -> int:
        """The exit code."""
        return await asyncio.to_thread(self.service.process.wait, READY_SECONDS)

    async def judge(self) -> None:
        """Nothing that was acknowledged is missing, after another start."""
        await self.service.start()
        report = await audit(self.api, self.ledger, seed=3)
        assert report.faults + self.workload.faults == []
        assert (report.lost, self.ledger.count(Verdict.ACKED) > 100) == (0, True)

    async def metric(self, name: str) -> str:
        """The value of a metric without labels."""
        lines = (await self.api.page("/metrics")).splitlines()
        return next(line.split()[1] for line in lines if line.startswith(f"{name} "))


@asynccontextmanager
async def stage(folder: Path, **settings: str) -> AsyncIterator[Stage]:
    names = {f"PERSISTENCE__SERVER__{name.upper()}": value for name, value in settings.items()}
    service = Service(folder, program=HELD, settings=names)
    with Ledger(folder / "ledger.ndjson") as ledger:
        async with service, Api(service.url) as api:
            yield Stage(service, api, ledger, Workload(api, ledger, seed=3), folder)


async def test_a_second_signal_waits_for_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, flush_seconds=NEVER) as on:
        await on.fill()
        on.signal()
        await asyncio.sleep(0.5)
        assert on.service.process.poll() is None
        on.signal()
        assert await on.ended() == ROWS_REMAIN
        on.let_go()
        await on.judge()
        assert await on.metric("persistence_unclean_starts_total") == "0.0"


async def test_a_kill_amid_the_last_flush_loses_nothing_and_is_told_by_the_next_start(tmp_path: Path) -> None:
    async with stage(tmp_path, flush_seconds=NEVER) as on:
        assert await on.metric("persistence_unclean_starts_total") == "0.0"
        await on.fill()
        on.signal()
        await asyncio.sleep(0.3)
        on.signal(signal.SIGKILL)
        assert await on.ended() == -signal.SIGKILL
        on.let_go()
        await on.judge()
        assert b'"unclean_start"' in on.service.log.read_bytes()
        assert await on.metric("persistence_unclean_starts_total") == "1.0"
        assert await on.service.stop() == CLEAN

        await on.service.start()
        assert await on.metric("persistence_unclean_starts_total") == "0.0"


async def test_a_stop_during_the_replay_of_a_former_run_loses_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.fill()
        await on.workload.burst(Random(2), requests=20)
        on.signal(signal.SIGKILL)
        await on.ended()
        on.let_go()
        for _ in range(3):
            await on.service.start()
            on.signal()
            assert await on.ended() in (CLEAN, ROWS_REMAIN)
        await on.judge()


async def test_during_the_drain_delay_records_are_taken_and_balancers_turned_away(tmp_path: Path) -> None:
    async with stage(tmp_path, drain_delay_seconds="2") as on:
        on.signal()
        statuses = []
        while on.service.process.poll() is None:
            with suppress(*Lost):
                ready = await on.api.send("GET", "/health/ready")
                await on.workload.burst(Random(len(statuses)), requests=1, size=200)
                statuses.append(ready.status)
        assert set(statuses) <= {200, 503}
        assert 503 in statuses
        assert await on.ended() == CLEAN
        await on.judge()

"""Kill the real service again and again under load, and count what it has lost of what it acknowledged.

    python -m tests.e2e.kill_loop --kills 30 --seed 7 [--by-worker [--victim worker]]

The seed draws what the writers send and when the kills fall; how the two meet is up to the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.e2e.api import Api
from tests.e2e.audit import Report, audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.service import Service
from tests.e2e.workload import Workload

WRITERS = 6
SHOWN_FAULTS = 20


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to."""

    report: Report
    unknown: int  # writes that never had an answer
    exit_code: int  # of the last process, asked to end
    ready_seconds: tuple[float, ...]  # of each start but those that were cut short

    @property
    def faults(self) -> list[str]:
        """Everything that must not be, in sentences."""
        ended = (
            [] if self.exit_code == 0 else [f"the last process, with nothing left to do, ended with {self.exit_code}"]
        )
        return self.report.faults + ended

    def __str__(self) -> str:
        report, ready = self.report, sorted(self.ready_seconds)
        faults = self.faults
        return "\n".join(
            [
                f"ready after {ready[len(ready) // 2]:.2f} s (median), {ready[-1]:.2f} s (longest)",
                f"{self.unknown} writes without an answer, {report.records} records visible",
                *faults[:SHOWN_FAULTS],
                *([f"... {len(faults)} faults in all"] if len(faults) > SHOWN_FAULTS else []),
                f"acknowledged {report.acknowledged} / found {report.found} / lost {report.lost}",
            ]
        )


class KillLoop:
    """One data folder, a few writers, and a killer."""

    def __init__(
        self,
        folder: Path,
        *,
        kills: int,
        seed: int,
        say: Callable[[str], None] = print,
        program: Sequence[str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """``program``: what to run instead of ``persistence serve``; ``settings``: its environment variables."""
        self._folder = folder
        self._kills = kills
        self._seed = seed
        self._random = Random(f"{seed} kills")
        self._service = Service(folder, program=program, settings=settings)
        self._ready: list[float] = []
        self._say = say

    async def run(self) -> Outcome:
        """Load, kill and restart; then judge."""
        with Ledger(self._folder / "ledger.ndjson") as ledger:
            async with Api(self._service.url) as api:
                workload = Workload(api, ledger, self._seed)
                try:
                    await self._torment(workload, ledger)
                    report = await audit(api, ledger, self._seed)
                    report.faults += workload.faults
                    code = await self._service.stop()
                finally:
                    self._service.kill()
            unknown = ledger.count(Verdict.UNKNOWN)
        return Outcome(report=report, unknown=unknown, exit_code=code, ready_seconds=tuple(self._ready))

    async def _torment(self, workload: Workload, ledger: Ledger) -> None:
        self._ready.append(await self._service.start())
        moments = (self._under_load, self._amid_a_burst, self._while_draining, self._while_starting)
        async with asyncio.TaskGroup() as writers:
            for number in range(WRITERS):
                writers.create_task(workload.write_on(f"writer {number}"))
            for number in range(1, self._kills + 1):
                workload.open.set()
                moment = await self._random.choice(moments)(workload)
                self._service.kill()
                workload.open.clear()
                ledger.sync()
                self._ready.append(await self._service.start())
                acked, unknown = ledger.count(Verdict.ACKED), ledger.count(Verdict.UNKNOWN)
                again = f"ready again after {self._ready[-1]:.2f} s"
                self._say(f"kill {number}/{self._kills} {moment}: {acked} acknowledged, {unknown} unknown, {again}")
            workload.running = False
            workload.open.set()

    async def _under_load(self, _: Workload) -> str:
        seconds = self._random.uniform(0.05, 1.0)
        await asyncio.sleep(seconds)
        return f"{seconds:.2f} s into the load"

    async def _amid_a_burst(self, workload: Workload) -> str:
        """A kill, most often, between the requests of a burst and their answers."""
        seconds = self._random.uniform(0, 0.4)
        async with asyncio.TaskGroup() as group:
            group.create_task(workload.burst(self._random, requests=12, size=300))
            await asyncio.sleep(seconds)
            self._service.kill()
        return f"{seconds:.2f} s into a burst"

    async def _while_draining(self, workload: Workload) -> str:
        await workload.burst(self._random)
        seconds = self._random.uniform(0, 0.2)
        await asyncio.sleep(seconds)
        return f"{seconds:.2f} s into the backlog of a burst"

    async def _while_starting(self, workload: Workload) -> str:
        """A kill that leaves something to replay, and another one before, or just after, that is done."""
        await workload.burst(self._random, requests=2)
        self._service.kill()
        self._service.spawn()
        seconds = self._random.uniform(0.1, 1.2) * self._ready[0]
        await asyncio.sleep(seconds)
        return f"{seconds:.2f} s into a start"


class WorkerKillLoop(KillLoop):
    """Kills the worker process, and leaves the service to it."""

    _seen = 0  # bytes of the log, at the last kill

    async def _torment(self, workload: Workload, ledger: Ledger) -> None:
        self._ready.append(await self._service.start())
        workload.open.set()
        async with asyncio.TaskGroup() as writers:
            for number in range(WRITERS):
                writers.create_task(workload.write_on(f"writer {number}"))
            for number in range(1, self._kills + 1):
                moment = await self._random.choice((self._as_it_starts, self._at_work, self._at_work))(workload)
                self._seen = len(self._service.log.read_bytes())
                for pid in self._service.children():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self._say(f"kill {number}/{self._kills} {moment}: {ledger.count(Verdict.ACKED)} acknowledged")
            workload.running = False

    async def _as_it_starts(self, _: Workload) -> str:
        await asyncio.sleep(self._random.uniform(0, 0.8))
        return "as it starts"

    async def _at_work(self, workload: Workload) -> str:
        while b'"worker_started"' not in self._service.log.read_bytes()[self._seen :]:  # noqa: ASYNC110  (of that process)
            await asyncio.sleep(0.05)
        if self._random.random() < 0.3:
            await workload.burst(self._random, requests=2)
        seconds = self._random.uniform(0, 0.7)
        await asyncio.sleep(seconds)
        return f"{seconds:.2f} s after it began to drain"


BY_WORKER = (sys.executable, "-m", "tests.e2e.drained_by_worker")


async def kill_loop(
    folder: Path, *, kills: int, seed: int, victim: type[KillLoop] = KillLoop, **options: Any
) -> Outcome:
    """Run the loop in an empty folder."""
    return await victim(folder, kills=kills, seed=seed, **options).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit 1 where anything was lost or wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.kill_loop", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--by-worker", action="store_true", help="let a worker process drain the backend")
    parser.add_argument("--victim", choices=("service", "worker"), default="service", help="who is killed")
    parser.add_argument("--folder", type=Path, help="keep data, log and ledger here, instead of a temporary folder")
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kill-loop-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        program = BY_WORKER if options.by_worker else None
        victim = WorkerKillLoop if options.victim == "worker" else KillLoop
        running = kill_loop(folder, kills=options.kills, seed=options.seed, program=program, victim=victim)
        outcome = asyncio.run(running)
    print(f"seed {options.seed}, {options.kills} kills, {time.monotonic() - begun:.0f} s")
    print(outcome)
    return 1 if outcome.faults or outcome.report.lost else 0


if __name__ == "__main__":
    sys.exit(main())

"""Faults of the service's own processes."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys

from tests.e2e.kill_loop import BY_WORKER, KillLoop, WorkerKillLoop, kill_loop
from tests.torture.scene import Fault, Scene
from tests.torture.trial import Result, Row, Trial

HELD = (sys.executable, "-m", "tests.e2e.held_commit")


def killed(name: str, about: str, *, short: int, full: int, victim: type[KillLoop], by_worker: bool) -> Row:
    """A row that kills one of the processes with SIGKILL: under load, in a burst, in a drain, in a start."""

    async def run(trial: Trial) -> Result:
        program = BY_WORKER if by_worker else None
        outcome = await kill_loop(
            trial.folder, kills=trial.times, seed=trial.seed, say=trial.say, victim=victim, program=program
        )
        report = outcome.report
        return Result(
            injected=trial.times,
            acknowledged=report.acknowledged,
            lost=report.lost,
            stale=report.stale,
            recovery=list(outcome.ready_seconds[1:]),
            unknown=outcome.unknown,
            unresolved=report.torn,
            faults=outcome.faults,
        )

    return Row(name=name, about=about, run=run, short=short, full=full)


class Stopped(Fault):
    """The service is stopped by SIGSTOP for a while, as a machine that swaps or migrates stops it."""

    name = "service-stopped"
    short, full = 2, 30

    async def inject(self, scene: Scene) -> None:
        """Clients wait meanwhile; what they sent lies in the sockets."""
        processes = [scene.service.process.pid, *scene.service.children()]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            await asyncio.sleep(scene.random.uniform(0.5, 4.0))
        finally:
            for process in reversed(processes):
                os.kill(process, signal.SIGCONT)


class KilledBeforeCommit(Fault):
    """Killed between the journal's fsync and the commit in the database."""

    name = "killed-before-commit"
    short, full = 2, 50
    program, ends_process = HELD, True
    sign = "hold-before"

    async def inject(self, scene: Scene) -> None:
        """Kill it when a batch has come to the point, with answers given behind it."""
        (scene.folder / "held").unlink(missing_ok=True)
        (scene.folder / self.sign).touch()
        while not (scene.folder / "held").exists():  # noqa: ASYNC110  (of another process)
            await asyncio.sleep(0.02)
        await asyncio.sleep(scene.random.uniform(0, 0.3))
        scene.service.kill()
        (scene.folder / self.sign).unlink()
        await scene.restart()


class KilledBeforeWatermark(KilledBeforeCommit):
    """Killed between the commit in the database and the watermark in the journal."""

    name = "killed-before-watermark"
    sign = "hold"


class OutOfDescriptors(Fault):
    """The service may open no more files or connections."""

    name = "descriptors"
    short, full = 2, 30

    async def inject(self, scene: Scene) -> None:
        """Take what is left of them, for a while."""
        pid = scene.service.process.pid
        former = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (scene.random.randrange(4, 24), former[1]))
        try:
            await asyncio.sleep(scene.random.uniform(0.5, 3.0))
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, former)


ROWS = [
    killed(
        "service-killed",
        "The service is killed by SIGKILL.",
        short=30,
        full=1000,
        victim=KillLoop,
        by_worker=False,
    ),
    killed(
        "worker-killed",
        "The worker process that drains is killed by SIGKILL.",
        short=5,
        full=300,
        victim=WorkerKillLoop,
        by_worker=True,
    ),
    *Stopped().rows(),
    *KilledBeforeCommit().rows(),
    *KilledBeforeWatermark().rows(),
    *OutOfDescriptors().rows(),
]

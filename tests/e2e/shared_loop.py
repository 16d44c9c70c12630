"""Several instances and workers over one buffer in Redis: hurt one or Redis itself again and again; what is lost?

    python -m tests.e2e.shared_loop --seconds 600 --every 2 --seed 7 --fault worker-killed

The servers are containers of their own: MariaDB holds the tables, Redis the buffer.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from typing import IO

import msgspec

from tests.e2e.api import Api, Json, Reply
from tests.e2e.audit import Report, audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.service import READY_SECONDS, Service, command, environment
from tests.e2e.stores import settings_of
from tests.e2e.workload import Workload
from tests.servers import Database, MariaDb, Redis

WRITERS = 6
INSTANCES = 2
WORKERS = 2
FAULTS: Mapping[str, str] = {
    "worker-killed": "A worker of a shared buffer is killed by SIGKILL every 2 s.",
    "instance-killed": "An instance over a shared buffer is killed by SIGKILL every 2 s.",
    "redis-killed": "The Redis of a shared buffer is killed by SIGKILL and started again.",
    "redis-stopped": "The Redis of a shared buffer is frozen as by SIGSTOP: connections stay open, nothing answers.",
    "redis-full": "The Redis of a shared buffer has no memory left for a while.",
    "redis-read-only": "The Redis of a shared buffer refuses writes for a while, as one without its replicas does.",
}


def shared_settings(kind: str, store: Database, buffer: Database) -> dict[str, str]:
    """The environment of instances and workers over one buffer."""
    journal = "PERSISTENCE__JOURNAL__"
    shared = {"TYPE": "redis", "URL": buffer.dsn, "PARTITIONS": "3", "LEASE_SECONDS": "1"}
    return settings_of(kind, store) | {f"{journal}{name}": value for name, value in shared.items()}


def migrate(settings: Mapping[str, str], folder: Path) -> None:
    """Make the tables."""
    ended = subprocess.run(command("migrate"), cwd=folder, env=environment(settings), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


class WorkerProcess:
    """One ``persistence worker`` after another."""

    def __init__(self, folder: Path, settings: Mapping[str, str], number: int) -> None:
        self.log = folder / f"worker-{number}.log"
        self._folder = folder
        self._environment = environment(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._begun = 0  # where the log of the present one begins

    def spawn(self, *arguments: str) -> None:
        """Start one; the former one is gone then."""
        self.end(signal.SIGKILL)
        self._output = self.log.open("ab")
        self._begun = self._output.tell()
        self._process = subprocess.Popen(
            command("worker", *arguments),
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def settle(self) -> None:
        """Return when it holds a partition: from then on it outlives an outage; before, it says it cannot start."""
        deadline = time.monotonic() + READY_SECONDS
        while b"partition_taken" not in self.log.read_bytes()[self._begun :]:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def wait(self) -> int:
        """The exit code of one that ends by itself."""
        assert self._process is not None
        return self._process.wait(READY_SECONDS)

    def end(self, by: signal.Signals) -> int | None:
        """End it by a signal; its exit code."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(by)
        code = self._process.wait(READY_SECONDS)
        if self._output is not None:
            self._output.close()
            self._output = None
        return code


class Spread(Api):
    """A client behind a load balancer: each request goes to the next instance."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self._apis = cycle(apis)
        self._first = apis[0]

    async def send(
        self, method: str, path: str, *, body: Json = None, params: Mapping[str, str] | None = None
    ) -> Reply:
        """As one client."""
        return await next(self._apis).send(method, path, body=body, params=params)

    async def get(self, envelope: str, key: str) -> Json:
        """One record, with what every instance has acknowledged."""
        await self.flush()
        return await self._first.get(envelope, key)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to."""

    report: Report
    injected: int
    unknown: int
    dead_letters: int  # entries that were trimmed before they were read would stand here
    waiting: int  # records that are in the buffer at the end
    exit_codes: tuple[int | None, ...]  # of everything that was asked to end

    @property
    def faults(self) -> list[str]:
        """Everything that must not be, in sentences."""
        wrong = [f"something that was asked to end did so with {code}" for code in self.exit_codes if code]
        letters = [f"{self.dead_letters} dead letters"] * bool(self.dead_letters)
        left = [f"{self.waiting} records are left in the buffer"] * bool(self.waiting)
        return [*self.report.faults, *wrong, *letters, *left]

    def __str__(self) -> str:
        report = self.report
        return "\n".join(
            [
                f"{self.injected} faults, {self.unknown} writes without an answer, {report.records} records visible",
                *self.faults[:20],
                f"acknowledged {report.acknowledged} / found {report.found} / lost {report.lost}, stale {report.stale}",
            ]
        )


class SharedLoop:
    """Instances, workers, and somebody who means harm."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str], redis: Redis, *, seed: int, say: Callable[[str], None] = print
    ) -> None:
        self._folder = folder
        self._redis = redis
        self._seed = seed
        self._say = say
        self._random = Random(f"{seed} faults")
        folders = [folder / f"instance-{number}" for number in range(INSTANCES)]
        for each in folders:
            each.mkdir(parents=True, exist_ok=True)
        self._instances = [Service(each, settings=settings) for each in folders]
        self._workers = [WorkerProcess(folder, settings, number) for number in range(WORKERS)]
        self._injected = 0
        self._inject: Mapping[str, Callable[[], Awaitable[None]]] = {
            "worker-killed": self._kill_worker,
            "instance-killed": self._kill_instance,
            "redis-killed": self._kill_redis,
            "redis-stopped": self._stop_redis,
            "redis-full": partial(self._set_redis, "maxmemory", "1mb", "0"),
            "redis-read-only": partial(self._set_redis, "min-replicas-to-write", "1", "0"),
        }

    async def run(self, *, seconds: float, every: float, fault: str) -> Outcome:
        """Load, hurt and heal; then judge."""
        try:
            for instance in self._instances:
                await instance.start()
            for worker in self._workers:
                worker.spawn()
            for worker in self._workers:
                await asyncio.to_thread(worker.settle)
            return await self._judged(seconds, every, fault)
        finally:
            for instance in self._instances:
                instance.kill()
            for worker in self._workers:
                worker.end(signal.SIGKILL)

    async def _judged(self, seconds: float, every: float, fault: str) -> Outcome:
        one, other = (Api(instance.url) for instance in self._instances)
        with Ledger(self._folder / "ledger.ndjson") as ledger:
            async with one, other:
                client = Spread([one, other])
                workload = Workload(client, ledger, self._seed)
                await self._torment(workload, ledger, seconds, every, fault)
                report = await audit(client, ledger, self._seed)
                report.faults += workload.faults
                found = await one.send("GET", "/api/v1/system/buffers")
                waiting = sum(buffer["records"] for buffer in found.body["buffers"].values())
            for worker in self._workers:  # the one that was killed last may still be starting
                await asyncio.to_thread(worker.settle)
            codes = [worker.end(signal.SIGTERM) for worker in self._workers]
            codes += [await instance.stop() for instance in self._instances]
            return Outcome(
                report=report,
                injected=self._injected,
                unknown=ledger.count(Verdict.UNKNOWN),
                dead_letters=report_of_letters(self._folder),
                waiting=waiting,
                exit_codes=tuple(codes),
            )

    async def _torment(self, workload: Workload, ledger: Ledger, seconds: float, every: float, fault: str) -> None:
        workload.open.set()
        deadline = time.monotonic() + seconds
        async with asyncio.TaskGroup() as writers:
            for number in range(WRITERS):
                writers.create_task(workload.write_on(f"writer {number}"))
            while time.monotonic() < deadline:
                await asyncio.sleep(self._random.uniform(0.5, 1.5) * every)
                await self._inject[fault]()
                self._injected += 1
                self._say(f"{fault} {self._injected}: {ledger.count(Verdict.ACKED)} acknowledged")
            workload.running = False

    async def _kill_worker(self) -> None:
        self._random.choice(self._workers).spawn()

    async def _kill_instance(self) -> None:
        await self._random.choice(self._instances).start()

    async def _kill_redis(self) -> None:
        await asyncio.to_thread(self._redis.kill)
        await asyncio.to_thread(self._redis.start)

    async def _stop_redis(self) -> None:
        """At times for longer than a call or a lease lasts."""
        await asyncio.to_thread(self._redis.pause)
        try:
            await asyncio.sleep(self._random.choice((0.5, 2.0, 8.0)))
        finally:
            await asyncio.to_thread(self._redis.unpause)

    async def _set_redis(self, name: str, hurt: str, healed: str) -> None:
        await asyncio.to_thread(self._redis.execute, f"CONFIG SET {name} {hurt}")
        try:
            await asyncio.sleep(self._random.uniform(0.5, 3.0))
        finally:
            await asyncio.to_thread(self._redis.execute, f"CONFIG SET {name} {healed}")


def report_of_letters(folder: Path) -> int:
    """How many records the workers said they had put into the dead letters."""
    return sum(log.read_text(errors="replace").count("record_dead_lettered") for log in folder.glob("worker-*.log"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit 1 where anything was lost or wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.shared_loop", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--every", type=float, default=2, help="seconds between faults, about")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", choices=sorted(FAULTS), default="worker-killed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="shared-loop-") as temporary, MariaDb() as store, Redis() as redis:
        folder = Path(temporary)
        with store.database() as database, redis.database() as buffer:
            settings = shared_settings("mariadb", database, buffer)
            migrate(settings, folder)
            loop = SharedLoop(folder, settings, redis, seed=options.seed)
            outcome = asyncio.run(loop.run(seconds=options.seconds, every=options.every, fault=options.fault))
    print(outcome)
    return 1 if outcome.faults or outcome.report.lost else 0


if __name__ == "__main__":
    sys.exit(main())

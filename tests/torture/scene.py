"""The real service under six writers, with a ledger outside of it; faults come and go meanwhile."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from tests.e2e.api import Api, Lost
from tests.e2e.audit import audit
from tests.e2e.ledger import Ledger, Verdict
from tests.e2e.service import Service, command, environment
from tests.e2e.stores import settings_of
from tests.e2e.workload import Workload
from tests.servers import Database, MariaDb, MySql, Postgres, Server
from tests.torture.disk import SmallDisk
from tests.torture.trial import Result, Row, Trial
from tests.wire import Wire

WRITERS = 6
RECOVERED_SECONDS = 300.0
SERVERS: Mapping[str, type[Server]] = {kind.name: kind for kind in (MariaDb, MySql, Postgres)}
_SAMPLE = re.compile(r"(?m)^persistence_(\w+?)(?:\{[^}]*\})? ([0-9.e+]+)$")


@dataclass
class Scene:
    """What a fault may lay hands on."""

    service: Service
    api: Api
    ledger: Ledger
    workload: Workload
    random: Random
    folder: Path
    store: str
    server: Server | None = None  # of the database, where there is one
    database: Database | None = None
    wire: Wire | None = None  # between the service and the database
    disk: SmallDisk | None = None  # below the database
    result: Result = field(default_factory=Result)

    async def recovered(self) -> float:
        """Wait until everything acknowledged so far is stored; returns the seconds this took."""
        begun = time.monotonic()
        while time.monotonic() - begun < RECOVERED_SECONDS:
            with suppress(*Lost):
                if (await self.api.send("POST", "/api/v1/system/flush", params={"timeout": "20"})).status == 200:
                    return time.monotonic() - begun
            await asyncio.sleep(0.05)
        raise AssertionError(f"nothing is flushed {RECOVERED_SECONDS:g} s after the fault:\n{self.service.log_end()}")

    async def restart(self) -> None:
        """Another process on the same folder."""
        self.workload.open.clear()
        await self.service.start()
        self.workload.open.set()

    async def counted(self) -> Mapping[str, float]:
        """The sums of the service's metrics, labels left out."""
        page = await self.api.page("/metrics")
        sums: dict[str, float] = {}
        for name, value in _SAMPLE.findall(page):
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums


class Fault(ABC):
    """Something that happens to the real service. The first line of the docstring is its line in the list."""

    name: str
    short: int
    full: int
    stores: Sequence[str] = ("sqlite",)  # where the records are kept
    program: Sequence[str] | None = None  # what to run instead of ``persistence serve``
    settings: Mapping[str, str] = {}
    wired: bool = False  # whether the database is reached through a wire
    ends_process: bool = False  # counters begin anew with each process
    disk_bytes: int = 0  # of a disk for the database alone, where it shall have one

    def around(self, scene: Scene) -> AbstractContextManager[object]:
        """What lasts from before the start to the end. Raises NotHere where this machine does not allow the fault."""
        return nullcontext()

    @abstractmethod
    async def inject(self, scene: Scene) -> None:
        """Bring the fault about, and take it away again."""

    def rows(self) -> list[Row]:
        """One for each store."""
        return [self._row(store) for store in self.stores]

    def _row(self, store: str) -> Row:
        async def run(trial: Trial) -> Result:
            return await under_load(trial, self, store)

        name = self.name if len(self.stores) == 1 else f"{self.name}-{store}"
        about = (type(self).__doc__ or "").splitlines()[0]
        return Row(name=name, about=about, run=run, short=self.short, full=self.full)


async def under_load(trial: Trial, fault: Fault, store: str) -> Result:
    """Bring a fault about again and again; then judge what the service has, and how it counts."""
    async with _scene(trial, fault, store) as scene:
        with fault.around(scene):
            try:
                await scene.service.start()
                await _torment(trial, fault, scene)
                await _judge(trial, fault, scene)
            finally:
                scene.service.kill()
        return scene.result


async def _torment(trial: Trial, fault: Fault, scene: Scene) -> None:
    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(scene.workload.write_on(f"writer {number}"))
        scene.workload.open.set()
        for number in range(1, trial.times + 1):
            await asyncio.sleep(scene.random.uniform(0.2, 1.0))
            if scene.random.random() < 0.3:
                await scene.workload.burst(scene.random, requests=2)
            await fault.inject(scene)
            scene.result.injected += 1
            scene.result.recovery.append(await scene.recovered())
            scene.ledger.sync()
            acked, seconds = scene.ledger.count(Verdict.ACKED), scene.result.recovery[-1]
            trial.say(f"{number}/{trial.times}: {acked} acknowledged, all stored {seconds:.2f} s after the fault")
        scene.workload.running = False
        scene.workload.open.set()


async def _judge(trial: Trial, fault: Fault, scene: Scene) -> None:
    report = await audit(scene.api, scene.ledger, trial.seed)
    result = scene.result
    result.acknowledged, result.lost, result.stale = report.acknowledged, report.lost, report.stale
    result.unknown, result.unresolved = scene.ledger.count(Verdict.UNKNOWN), report.torn
    result.faults += report.faults + scene.workload.faults
    counted = await scene.counted()
    result.letters = round(counted["dead_lettered_total"])
    if result.letters:
        result.faults.append(f"{result.letters} good records are in the dead letters")
    if not fault.ends_process:
        result.faults += conservation(counted, _stale(scene.service), result)
    code = await scene.service.stop()
    if code != 0:
        result.faults.append(f"the last process, with nothing left to do, ended with {code}")


def _stale(service: Service) -> int:
    """Records that came later than a delete that outranks them; no metric has them, the receipts do."""
    with closing(sqlite3.connect(f"file:{service.data_dir / 'state.db'}?mode=ro", uri=True)) as state:
        (number,) = state.execute("SELECT count(*) FROM write_exceptions WHERE verdict = 'stale'").fetchone()
    return int(number)


def conservation(counted: Mapping[str, float], stale: int, result: Result) -> list[str]:
    """Accepted = applied + rejected + discarded + pending; of the writes without an answer any may be accepted."""
    kinds = ("sessions_total", "tasks_total", "dead_lettered_total", "data_loss_total", "buffer_size")
    accounted = stale + round(sum(counted[kind] for kind in kinds))
    most = result.acknowledged + result.unknown
    if result.acknowledged <= accounted <= most:
        return []
    return [f"{accounted} records are accounted for, accepted were {result.acknowledged} to {most}"]


@asynccontextmanager
async def _scene(trial: Trial, fault: Fault, store: str) -> AsyncIterator[Scene]:
    with _database(trial, store, fault) as (server, database, disk):
        async with _wire(database if fault.wired else None) as wire:
            settings = dict(fault.settings)
            if database is not None:
                migrate(database, trial.folder)
                settings |= settings_of(store, replace(database, port=wire.port) if wire else database)
            service = Service(trial.folder, settings=settings, program=fault.program)
            with Ledger(trial.folder / "ledger.ndjson") as ledger:
                async with Api(service.url) as api:
                    workload = Workload(api, ledger, trial.seed)
                    random = Random(f"{trial.seed} {fault.name}")
                    scene = Scene(service, api, ledger, workload, random, trial.folder, store)
                    scene.server, scene.database, scene.wire, scene.disk = server, database, wire, disk
                    yield scene


@contextmanager
def _database(
    trial: Trial, store: str, fault: Fault
) -> Iterator[tuple[Server | None, Database | None, SmallDisk | None]]:
    with ExitStack() as stack:
        server, database, disk = None, None, None
        if store in SERVERS:
            server = SERVERS[store]()
            if fault.disk_bytes:
                disk = stack.enter_context(SmallDisk(trial.folder / "disk", fault.disk_bytes))
                server.keep_data_in(disk.folder)
            database = stack.enter_context(stack.enter_context(server).database())
        yield server, database, disk


@asynccontextmanager
async def _wire(database: Database | None) -> AsyncIterator[Wire | None]:
    if database is None:
        yield None
        return
    async with Wire(database.host, database.port) as wire:
        yield wire


def migrate(database: Database, folder: Path) -> None:
    """Make the tables. Raises CalledProcessError."""
    kind = "postgres" if database.scheme == "postgresql" else database.scheme
    subprocess.run(
        command("migrate"), cwd=folder, env=environment(settings_of(kind, database)), check=True, capture_output=True
    )

"""Eight writers in two processes store batches of the same keys: no deadlock, and the greatest version stays."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from random import Random

from adapters.system.clock import SystemClock
from domain.errors import BackendError
from domain.model.built_in import BUILT_IN
from domain.model.observations import Observation, StorageOperated
from domain.model.records import EPOCH, Record, Verdict, Version
from domain.model.translation import TASKS
from domain.services.partitions import partitioned, side_by_side
from domain.services.registry import NamedBackend, StorageBackendRegistry
from domain.services.storing import BatchStore
from entrypoints.backends import build_backend
from entrypoints.settings import load_settings
from tests.e2e.stores import settings_of
from tests.servers import Database, Server
from tests.torture.scene import SERVERS, migrate
from tests.torture.trial import Result, Row, Trial

PROCESSES, WRITERS, KEYS, SIZE = 2, 4, 6000, 2200
_DEADLOCKS = {
    "mariadb": "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'innodb_deadlocks'",
    "mysql": "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'",
    "postgres": "SELECT sum(deadlocks) FROM pg_stat_database",
}
_NOW = datetime.now(EPOCH.tzinfo).replace(microsecond=0)

Model = dict[str, Version]


class Writers:
    """One process's writers, on a backend of their own."""

    def __init__(self, settings: Mapping[str, str], number: int, seed: int) -> None:
        self.errors: Counter[str] = Counter()
        self.model: Model = {}
        self.adapter = build_backend(load_settings(environ=settings), "main", BUILT_IN)
        self._numbers = iter(range(number * 10**12, (number + 1) * 10**12))
        self._seed = f"{seed} {number}"
        routes = {collection.name: "main" for collection in BUILT_IN}
        named = [NamedBackend("main", "server", self.adapter)]
        self._registry = StorageBackendRegistry(named, routes, BUILT_IN, self._observe, SystemClock())

    async def run(self, batches: int) -> None:
        """Store so many batches, shared by the writers."""
        await self.adapter.open()
        try:
            left = iter(range(batches))
            await asyncio.gather(*[self._write(Random(f"{self._seed} {place}"), left) for place in range(WRITERS)])
        finally:
            await self.adapter.close()

    async def _write(self, random: Random, left: Sequence[int] | object) -> None:
        store = BatchStore(TASKS, self._registry, Verdict.DEAD_LETTERED)
        for _ in left:  # type: ignore[attr-defined]  # an iterator that all share
            batch = [self._record(random) for _ in range(SIZE)]
            parts = partitioned(batch, self._registry.parallel_writes(TASKS))
            while True:
                try:
                    refused = await side_by_side(parts, store.store)
                except BackendError:
                    continue  # counted by the observer
                assert not [item for item in refused if item.verdict is Verdict.DEAD_LETTERED], refused
                break

    def _record(self, random: Random) -> Record:
        key = f"task-{random.randrange(KEYS)}"
        values = (key, "s", None, "pending", "text " * random.randrange(20), None, "en", "de", 0, 0, None, "{}")
        moment = _NOW + timedelta(microseconds=random.randrange(10**6))
        record = Record(values, moment, moment, next(self._numbers))
        self.model[key] = max(record.version, self.model.get(key, record.version))
        return record

    def _observe(self, observation: Observation) -> None:
        if isinstance(observation, StorageOperated) and observation.error:
            self.errors[observation.error] += 1


def write_in_a_process(settings: Mapping[str, str], number: int, seed: int, batches: int) -> tuple[Counter[str], Model]:
    """The errors by code, and the greatest version of each key."""
    writers = Writers(settings, number, seed)
    asyncio.run(writers.run(batches))
    return writers.errors, writers.model


async def overlap(trial: Trial, store: str) -> Result:
    """Write; then compare what is stored with what was the greatest, and ask the server for its deadlocks."""
    with ExitStack() as stack:
        server = stack.enter_context(SERVERS[store]())
        database = stack.enter_context(server.database())
        migrate(database, trial.folder)
        before, begun = _deadlocks(server, store), time.monotonic()
        errors, model = await _written(settings_of(store, database), trial)
        seconds, deadlocks = time.monotonic() - begun, _deadlocks(server, store) - before
        return await _judged(database, store, model, errors, deadlocks, seconds, trial.times)


async def _written(settings: Mapping[str, str], trial: Trial) -> tuple[Counter[str], Model]:
    loop = asyncio.get_running_loop()
    errors: Counter[str] = Counter()
    model: Model = {}
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        share = trial.times // PROCESSES
        work = [partial(write_in_a_process, settings, number, trial.seed, share) for number in range(PROCESSES)]
        for found, versions in await asyncio.gather(*[loop.run_in_executor(pool, each) for each in work]):
            errors += found
            for key, version in versions.items():
                model[key] = max(version, model.get(key, version))
    return errors, model


async def _judged(
    database: Database,
    store: str,
    model: Model,
    errors: Counter[str],
    deadlocks: int,
    seconds: float,
    batches: int,
) -> Result:
    adapter = build_backend(load_settings(environ=settings_of(store, database)), "main", BUILT_IN)
    await adapter.open()
    stored = {record.key: record.version async for part in adapter.dump(TASKS) for record in part}  # type: ignore[attr-defined]
    await adapter.close()
    result = Result(injected=batches, acknowledged=len(model))
    result.lost = len(model.keys() - stored.keys())
    result.stale = sum(stored[key] != version for key, version in model.items() if key in stored)
    if deadlocks or errors:
        result.faults.append(f"the server counts {deadlocks} deadlocks, the writers met {dict(errors)}")
    rate = batches * SIZE / seconds
    result.note = f"{deadlocks} deadlocks, {errors.total()} retries, {rate:,.0f} records/s"
    return result


def _deadlocks(server: Server, store: str) -> int:
    return int(float(server.execute(_DEADLOCKS[store]).strip() or 0))


ROWS = [
    Row(
        name=f"overlapping-writers-{store}",
        about=f"{PROCESSES} processes with {WRITERS} writers each store batches of the same keys; counts deadlocks",
        run=partial(overlap, store=store),
        short=40,
        full=2000,
    )
    for store in ("mariadb", "mysql", "postgres")
]

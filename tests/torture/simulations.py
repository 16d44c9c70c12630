"""What no real machine can be made to do often enough: power cuts, and statements whose outcome is unknown."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any, ClassVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from adapters.sqlite.backend import SqliteBackend
from domain.errors import BackendUnavailable
from domain.model.built_in import BUILT_IN
from domain.model.policies import BufferPolicy
from domain.model.query import Query, Sort
from domain.model.translation import TASKS
from tests.contract.adapters import server_backend
from tests.torture.mutants import MUTANTS, survives
from tests.torture.scene import SERVERS
from tests.torture.trial import Result, Row, Trial
from tests.unit.adapters.journal.machine import JournalMachine
from tests.unit.domain.services.house import START, House, task

SHARE = 0.2  # of the statements that are executed and then reported as late
KEYS = 300


class Crashes(JournalMachine):
    """Counts what the histories come to."""

    counted: ClassVar[Counter[str]] = Counter()

    def teardown(self) -> None:
        """After each history."""
        self.counted["cuts"] += self.cuts
        self.counted["acknowledged"] += len(self.acked)
        self.counted["histories"] += 1


async def crashes(trial: Trial) -> Result:
    """Histories of a journal on a disk that forgets what was not synced, until the power was cut often enough."""
    counted = Crashes.counted
    counted.clear()
    faults: list[str] = []
    while counted["cuts"] < trial.times and not faults:
        hypothesis.seed(trial.seed * 1_000_000 + counted["histories"])(Crashes)
        try:
            await asyncio.to_thread(run_state_machine_as_test, Crashes, settings=_histories(50))
        except AssertionError as error:
            faults.append(str(error))
        trial.say(f"{counted['cuts']}/{trial.times}: {counted['acknowledged']} frames acknowledged")
    return Result(
        injected=counted["cuts"],
        acknowledged=counted["acknowledged"],
        lost=sum("lost" in fault for fault in faults),
        faults=faults,
        note=f"{counted['histories']} histories; acknowledged are frames",
    )


def _histories(number: int) -> settings:
    return settings(
        max_examples=number,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=(Phase.generate,),
    )


async def mutations(trial: Trial) -> Result:
    """The same histories of journals that each lack a safeguard."""
    alive = [mutant.__name__ for mutant in MUTANTS if await asyncio.to_thread(survives, mutant)]
    return Result(
        injected=len(MUTANTS),
        faults=[f"{name} passes the proof" for name in alive],
        note=f"{len(MUTANTS) - len(alive)} of {len(MUTANTS)} noticed",
    )


def unsure(write: Callable[..., Awaitable[Any]], random: Random, result: Result) -> Callable[..., Awaitable[Any]]:
    """A write that is, at times, executed and then reported as late."""

    async def written(*arguments: Any, **options: Any) -> Any:
        told = await write(*arguments, **options)
        if random.random() < SHARE:
            result.injected += 1
            raise BackendUnavailable("The server did not answer within 5 s.")
        return told

    return written


def executed_then_late(store: str) -> Row:
    """A row for one kind of store."""

    async def run(trial: Trial) -> Result:
        if store not in SERVERS:
            return await _executed_then_late(trial, SqliteBackend(trial.folder / "store.db", BUILT_IN))
        with SERVERS[store]() as server, server.database() as database:
            backend = server_backend(database)
            await backend.migrate()
            return await _executed_then_late(trial, backend)

    about = f"One in five statements is executed, and then reported as late ({store})."
    return Row(name=f"executed-then-late-{store}", about=about, run=run, short=100, full=10_000, unit="runs")


async def _executed_then_late(trial: Trial, backend: Any) -> Result:
    random, result = Random(trial.seed), Result(unknown=0)
    model: dict[str, tuple[timedelta, str]] = {}
    await backend.open()
    try:
        backend.write = unsure(backend.write, random, result)
        policy = BufferPolicy(linger_seconds=0.001, read_deadline_seconds=60.0)
        async with (house := House(backend, policy)).running():
            for number in range(trial.times):
                await _post(house, random, f"run {number}", model, result)
                if number % 500 == 499:
                    trial.say(f"{number + 1}/{trial.times}: {result.injected} executed and reported as late")
        _compare(model, await _markers(backend), result)
        result.letters = len(await house.dead_letters.find(limit=KEYS))
    finally:
        await backend.close()
    result.unknown = result.injected
    return result


async def _post(
    house: House, random: Random, run: str, model: dict[str, tuple[timedelta, str]], result: Result
) -> None:
    """One batch and its flush; some records are older than what is stored."""
    records = []
    for key in random.sample(range(KEYS), random.randrange(1, 20)):
        age, marker = timedelta(seconds=random.randrange(1000)), f"{run} of {key}"
        version = (-age, marker)
        name = f"k{key:03}"
        records.append(task(name, error_message=marker, updated_at=(START - age).isoformat()))
        if name not in model or version[0] >= model[name][0]:
            model[name] = version
    await house.post(*records)
    result.acknowledged += len(records)
    await house.settled()


async def _markers(backend: Any) -> dict[str, str]:
    found = await backend.query(TASKS, Query(sort=(Sort("task_id"),), limit=KEYS))
    return {record.key: record.values[TASKS.positions["error_message"]] for record in found.items}


def _compare(model: dict[str, tuple[timedelta, str]], found: dict[str, str], result: Result) -> None:
    result.lost = len(model.keys() - found.keys())
    wrong = [key for key in found if key not in model or found[key] != model[key][1]]
    result.stale = len(wrong)
    result.faults += [f"{key} holds {found[key]!r}, not {model.get(key)}" for key in wrong]


ROWS = [
    Row(
        name="power-cuts",
        about="Power cuts that lose what was not synced (simulated).",
        run=crashes,
        short=500,
        full=20_000,
        unit="cuts",
    ),
    Row(
        name="mutations",
        about="Journals that lack a safeguard (simulated): each must be noticed.",
        run=mutations,
        short=1,
        full=1,
        unit="search",
    ),
    executed_then_late("sqlite"),
    executed_then_late("mariadb"),
]

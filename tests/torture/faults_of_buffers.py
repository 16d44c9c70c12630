"""Faults of several instances and workers over one buffer in Redis, which drain into MariaDB."""

from __future__ import annotations

from tests.e2e.shared_loop import FAULTS, SharedLoop, migrate, shared_settings
from tests.servers import MariaDb, Redis
from tests.torture.trial import Result, Row, Trial

EVERY = 2.0  # seconds between two faults, about


def hurt(fault: str, about: str) -> Row:
    """A row that hurts one of them again and again."""

    async def run(trial: Trial) -> Result:
        with MariaDb() as store, Redis() as redis, store.database() as database, redis.database() as buffer:
            settings = shared_settings("mariadb", database, buffer)
            migrate(settings, trial.folder)
            loop = SharedLoop(trial.folder, settings, redis, seed=trial.seed, say=trial.say)
            outcome = await loop.run(seconds=trial.seconds, every=EVERY, fault=fault)
        report = outcome.report
        return Result(
            injected=outcome.injected,
            acknowledged=report.acknowledged,
            lost=report.lost,
            stale=report.stale,
            letters=outcome.dead_letters,
            unknown=outcome.unknown,
            unresolved=report.torn,
            faults=outcome.faults,
        )

    return Row(name=f"shared-{fault}", about=about, run=run, short=0.2, full=10, unit="minutes")


ROWS = [hurt(fault, about) for fault, about in FAULTS.items()]

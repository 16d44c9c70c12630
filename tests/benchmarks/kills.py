"""What a server has lost of what it acknowledged, when it is killed with -9 under load."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import bodies, load, servers
from tests.benchmarks.plan import CONNECTIONS, Plan
from tests.benchmarks.results import Kill

MORE = 2_000  # records beyond the kill, so that it comes amid the load


def kills(plan: Plan, folder: Path) -> Iterator[Kill]:
    """The service and the peer, each killed after the same numbers of acknowledged records."""
    for after in plan.kills:
        run = f"k{after}"
        texts = bodies.batches((after + MORE) // bodies.BATCH, run)
        for program in (servers.SERVICE, servers.PEER):
            yield kill(program, folder / f"{run} {program.name}", texts, run, after)


def kill(program: servers.Program, folder: Path, texts: list[bytes], run: str, after: int) -> Kill:
    """Kill amid the load, start again on the same folder, and look into the database."""
    with servers.running(program, folder) as server:

        def watch(acknowledged: int) -> None:
            if acknowledged * bodies.BATCH >= after:
                os.kill(server.pid, signal.SIGKILL)

        seen = asyncio.run(load.run(server.port, servers.PATH, texts, CONNECTIONS, watch))
    with servers.running(program, folder) as server:
        server.settle()
    sent = [range(number * bodies.BATCH, (number + 1) * bodies.BATCH) for number in seen.acknowledged]
    acknowledged = {bodies.key(run, number) for numbers in sent for number in numbers}
    found = acknowledged & _keys(folder / program.database)
    return Kill(server=program.name, acknowledged=len(acknowledged), found=len(found))


def _keys(database: Path) -> set[str]:
    with servers.opened(database) as connection:
        return {key for (key,) in connection.execute(f"SELECT task_id FROM {servers.TABLE}")}

"""Resident memory: while records pass through, and while nothing can be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import bodies, load, servers
from tests.benchmarks.plan import CONNECTIONS, Plan
from tests.benchmarks.results import Footprint

ENOUGH_MIB = 2048  # a server that takes more is not followed further


def footprints(plan: Plan, folder: Path) -> Iterator[Footprint]:
    """The service and the peer, both ways."""
    for program, records in ((servers.SERVICE, plan.passed), (servers.PEER, plan.passed_by_peer)):
        yield from passing(program, folder / f"{program.name} passing", records, plan)
    for program in (servers.SERVICE, servers.PEER):
        yield from waiting(program, folder / f"{program.name} waiting", plan)


def passing(program: servers.Program, folder: Path, records: int, plan: Plan) -> Iterator[Footprint]:
    """Records come as fast as they are accepted, a step at a time; the look is at the end of the step's intake."""
    with servers.running(program, folder) as server:
        yield Footprint(server=program.name, records=0, mib=server.rss())
        for sent in range(0, records, plan.step):
            _send(server, plan.step, f"p{sent}")
            yield Footprint(server=program.name, records=sent + plan.step, mib=server.rss())
            server.settle()


def waiting(program: servers.Program, folder: Path, plan: Plan) -> Iterator[Footprint]:
    """Records come while another process holds the write lock of the database, until the server refuses some."""
    settings = {"PERSISTENCE__BUFFER__MAX_BYTES": str(plan.buffer_mib << 20)}
    taken, step = 0, plan.step // 2
    with servers.running(program, folder, settings) as server, servers.opened(folder / program.database) as database:
        database.execute("BEGIN IMMEDIATE")
        yield Footprint(server=program.name, records=0, mib=server.rss(), is_held=True)
        while taken < plan.held:
            sent = _send(server, step, f"w{taken}")
            taken += len(sent.acknowledged) * bodies.BATCH
            mib, is_full = server.rss(), sent.refused > 0
            yield Footprint(server=program.name, records=taken, mib=mib, is_held=True, is_full=is_full)
            if is_full or mib > ENOUGH_MIB:
                break


def _send(server: servers.Server, records: int, run: str) -> load.Load:
    texts = bodies.batches(records // bodies.BATCH, run)
    return asyncio.run(load.run(server.port, servers.PATH, texts, CONNECTIONS))
